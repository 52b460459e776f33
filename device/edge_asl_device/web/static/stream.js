// Server-sent events that never die silently. EventSource reconnects after most faults, but not after all of them (a
// proxy's error page, a 401), and it never notices a connection that is open but silent.

const SILENCE_MS = 12_000; // the server sends a beat every 5 s: two lost beats and a margin
const RETRY_MS = 1_000;

/**
 * @param {string} address where the events come from
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

  // EventSource does not tell the status with which it was refused.
  const tellWhy = async () => {
    const question = new AbortController();
    const limit = setTimeout(() => question.abort(), 3_000);
    try {
      const answer = await fetch(address, { signal: question.signal, cache: "no-store" });
      if (answer.status === 401) to.forbidden();
    } catch {
      // No answer: the page already says that it is connecting.
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

  // Timers of a hidden tab run once a minute: check at once when it is shown again.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && source) watch();
  });
  connect();
};
