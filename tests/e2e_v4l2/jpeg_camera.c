/* LD_PRELOAD stand-in for a USB camera that sends JPEG, which no driver of the kernel makes without hardware.
 *
 * The file named by JPEG_CAMERA behaves as its video node; frame n is the file $JPEG_CAMERA.n.jpg, from 0 on and
 * again from 0 after the last, thirty a second. Build: gcc -shared -fPIC -o jpeg_camera.so jpeg_camera.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <linux/videodev2.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LARGEST (1 << 20)
#define MOST 8

static char is_camera[1024];  /* by file descriptor */
static int memory = -1;       /* all buffers, one after the other */
static unsigned char *bytes;
static int queue[MOST], queued;
static int frame;
static struct v4l2_pix_format format = {
	.width = 640, .height = 480, .pixelformat = V4L2_PIX_FMT_MJPEG, .field = V4L2_FIELD_NONE, .sizeimage = LARGEST,
};

/* A descriptor that can be read thirty times a second: poll and select work as on a camera. */
static int open_camera(void)
{
	struct itimerspec rate = { { 0, 33333333 }, { 0, 33333333 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	timerfd_settime(fd, 0, &rate, NULL);
	if (memory < 0) {
		memory = memfd_create("buffers", MFD_CLOEXEC);
		if (ftruncate(memory, MOST * LARGEST) < 0)
			return -1;
		bytes = NEXT(mmap)(NULL, MOST * LARGEST, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	}
	is_camera[fd] = 1;
	return fd;
}

static int opens(const char *path)
{
	const char *mine = getenv("JPEG_CAMERA");
	return mine && path && strcmp(path, mine) == 0;
}

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
	return opens(path) ? open_camera() : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	READ_MODE(mode, flags)
	return opens(path) ? open_camera() : NEXT(open64)(path, flags, mode);
}

int __open_2(const char *path, int flags)
{
	return opens(path) ? open_camera() : NEXT(open)(path, flags);
}

int __open64_2(const char *path, int flags)
{
	return opens(path) ? open_camera() : NEXT(open64)(path, flags);
}

int close(int fd)
{
	if (fd >= 0 && fd < (int)sizeof is_camera)
		is_camera[fd] = 0;
	return NEXT(close)(fd);
}

void *mmap(void *where, size_t length, int protection, int flags, int fd, off_t offset)
{
	int from = fd >= 0 && fd < (int)sizeof is_camera && is_camera[fd] ? memory : fd;
	return NEXT(mmap)(where, length, protection, flags, from, offset);
}

void *mmap64(void *where, size_t length, int protection, int flags, int fd, off64_t offset)
{
	return mmap(where, length, protection, flags, fd, offset);
}

static size_t read_frame(unsigned char *where)
{
	char path[4096];
	for (int attempt = 0; attempt < 2; attempt++) {
		snprintf(path, sizeof path, "%s.%d.jpg", getenv("JPEG_CAMERA"), frame++);
		FILE *file = fopen(path, "rb");
		if (file) {
			size_t length = fread(where, 1, LARGEST, file);
			fclose(file);
			return length;
		}
		frame = 0;
	}
	return 0;
}

static int fill(int fd, struct v4l2_buffer *buffer)
{
	uint64_t ticks;
	struct timespec now;
	if (read(fd, &ticks, sizeof ticks) < 0 || queued == 0) {
		errno = EAGAIN;
		return -1;
	}
	buffer->index = queue[0];
	memmove(queue, queue + 1, --queued * sizeof *queue);
	buffer->bytesused = read_frame(bytes + buffer->index * LARGEST);
	buffer->length = LARGEST;
	clock_gettime(CLOCK_MONOTONIC, &now);
	buffer->timestamp = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

static int refuse(int number)
{
	errno = number;
	return -1;
}

static int answer(int fd, unsigned long request, void *argument)
{
	struct v4l2_capability *capability = argument;
	struct v4l2_fmtdesc *listed = argument;
	struct v4l2_format *wanted = argument;
	struct v4l2_requestbuffers *buffers = argument;
	struct v4l2_buffer *buffer = argument;

	switch (request) {
	case VIDIOC_QUERYCAP:
		memset(capability, 0, sizeof *capability);
		strcpy((char *)capability->driver, "uvcvideo");
		strcpy((char *)capability->card, "JPEG camera");
		capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
		capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
		return 0;
	case VIDIOC_ENUM_FMT:
		if (listed->index > 0)
			return refuse(EINVAL);
		listed->pixelformat = V4L2_PIX_FMT_MJPEG;
		return 0;
	case VIDIOC_G_FMT:
	case VIDIOC_S_FMT:
	case VIDIOC_TRY_FMT:
		wanted->fmt.pix = format;
		return 0;
	case VIDIOC_REQBUFS:
		queued = 0;
		buffers->count = buffers->count > MOST ? MOST : buffers->count;
		return 0;
	case VIDIOC_QUERYBUF:
		buffer->length = LARGEST;
		buffer->m.offset = buffer->index * LARGEST;
		return 0;
	case VIDIOC_QBUF:
		queue[queued++] = buffer->index;
		return 0;
	case VIDIOC_DQBUF:
		return fill(fd, buffer);
	case VIDIOC_STREAMON:
	case VIDIOC_STREAMOFF:
	case VIDIOC_S_PARM:
	case VIDIOC_G_PARM:
		return 0;
	}
	return refuse(ENOTTY);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list rest;
	va_start(rest, request);
	void *argument = va_arg(rest, void *);
	va_end(rest);
	if (fd >= 0 && fd < (int)sizeof is_camera && is_camera[fd])
		return answer(fd, request & 0xffffffff, argument);
	return NEXT(ioctl)(fd, request, argument);
}
