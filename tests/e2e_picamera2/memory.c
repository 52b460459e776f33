/* LD_PRELOAD stand-in for /dev/udmabuf and the Raspberry Pi's /dev/dma_heap: camera memory comes from memfd_create.
 *
 * libcamera's virtual pipeline takes its own memory from udmabuf or a dma heap, and picamera2 its buffers from a dma
 * heap: the devices are "opened" as a memfd, and the requests that make a buffer answer with another memfd.
 * Build: gcc -shared -fPIC -o memory.so memory.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_stood_in(const char *path)
{
	return path && (strcmp(path, "/dev/udmabuf") == 0 || strncmp(path, "/dev/dma_heap/", 14) == 0);
}

static int stand_in(void)
{
	return memfd_create("camera-memory-device", MFD_CLOEXEC);
}

/* The mode is there only where a file may be made. */
#define READ_MODE(mode, flags)                                  \
	mode_t mode = 0;                                        \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                  \
		va_list rest;                                   \
		va_start(rest, flags);                          \
		mode = va_arg(rest, mode_t);                    \
		va_end(rest);                                   \
	}

int open(const char *path, int flags, ...)
{
	READ_MODE(mode, flags)
	return is_stood_in(path) ? stand_in() : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	READ_MODE(mode, flags)
	return is_stood_in(path) ? stand_in() : NEXT(open64)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	READ_MODE(mode, flags)
	return is_stood_in(path) ? stand_in() : NEXT(openat)(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	READ_MODE(mode, flags)
	return is_stood_in(path) ? stand_in() : NEXT(openat64)(folder, path, flags, mode);
}

/* What open becomes under _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags)
{
	return is_stood_in(path) ? stand_in() : NEXT(open)(path, flags);
}

int __open64_2(const char *path, int flags)
{
	return is_stood_in(path) ? stand_in() : NEXT(open64)(path, flags);
}

static int allocate(struct dma_heap_allocation_data *wanted)
{
	int memory = memfd_create("camera-memory", MFD_CLOEXEC);
	if (memory < 0)
		return -1;
	if (ftruncate(memory, wanted->len) < 0) {
		close(memory);
		return -1;
	}
	wanted->fd = memory;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);

	switch (request) {
	case UDMABUF_CREATE:
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	case DMA_HEAP_IOCTL_ALLOC:
		return allocate(argument);
	case DMA_BUF_IOCTL_SYNC:
	case DMA_BUF_SET_NAME_A:
	case DMA_BUF_SET_NAME_B:
		return 0;
	}
	return NEXT(ioctl)(fd, request, argument);
}
