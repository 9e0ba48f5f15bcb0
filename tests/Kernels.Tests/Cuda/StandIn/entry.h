/* How entry points begin and end. */
#ifndef CUDA_ENTRY_H
#define CUDA_ENTRY_H

#include "cuda.h"

#include <pthread.h>

extern pthread_mutex_t lock;
extern __thread object *capturing;

/* A live stream, and the one that captures if one does. */
object *stream_of(void *handle, const char *call);

#define ENTRY int __attribute__((visibility("default")))
#define BEGIN pthread_mutex_lock(&lock)
#define RETURN(value) do { int result_ = (value); pthread_mutex_unlock(&lock); return result_; } while (0)
#define EXPECT(condition, ...) do { if (!(condition)) { wrong(__VA_ARGS__); RETURN(INVALID_VALUE); } } while (0)
/* What needs a context, and fails for ever once the card is lost. */
#define USE do { BEGIN; if (!entered) { wrong("%s: no context is current", __func__); RETURN(INVALID_CONTEXT); } if (is_lost()) { RETURN(LAUNCH_FAILED); } } while (0)
#define UNCAPTURED EXPECT(!capturing, "%s: in the middle of a capture", __func__)
#define KNOWN(name, handle, kind) object *name = known(handle, kind, __func__); if (!name) RETURN(INVALID_HANDLE)

#endif
