// Server-sent events that are never silently dead. EventSource reconnects by itself after most faults but not after
// all (a proxy's error page, a 401), and never notices a connection that is open and silent.

const SILENCE_MS = 12_000; // the server beats every 5 s: two lost beats and a margin
const RETRY_MS = 1_000;

/**
 * @param {string} address of the events
 * @param {{event: (name: string, data: object) => void, down: () => void, forbidden: () => void}} to
 */
export const openStream = (address, to) => {
  let source = null;
  let timer = 0;
  let heard = 0;

  const connect = () => {
    heard = performance.now();
    source = new EventSource(address);
    for (const name of ["hello", "state", "beat"]) {
      source.addEventListener(name, (event) => {
        heard = performance.now();
        if (name !== "beat") to.event(name, JSON.parse(event.data));
      });
    }
    source.addEventListener("error", reconnect);
    watch();
  };

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const reconnect = () => {
    const refused = source?.readyState === EventSource.CLOSED;
    close();
    to.down();
    timer = setTimeout(connect, RETRY_MS);
    if (refused) tellWhy();
  };

  // EventSource does not say with which status it was refused.
  const tellWhy = async () => {
    const question = new AbortController();
    const limit = setTimeout(() => question.abort(), 3_000);
    try {
      const answer = await fetch(address, { signal: question.signal, cache: "no-store" });
      if (answer.status === 401) to.forbidden();
    } catch {
      // Nobody answers: connecting, as the page already says.
    } finally {
      clearTimeout(limit);
      question.abort();
    }
  };

  const watch = () => {
    const silent = performance.now() - heard;
    clearTimeout(timer);
    if (silent >= SILENCE_MS) reconnect();
    else timer = setTimeout(watch, SILENCE_MS - silent);
  };

  // Timers of a hidden tab run once a minute: look at once when it is seen again.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && source) watch();
  });
  connect();
};
