/* What entry points are given, and how they begin and end. */
#ifndef STANDIN_ENTRY_H
#define STANDIN_ENTRY_H

#include "objects.h"

#include <pthread.h>

/* The structures, written from the specification and not from Lean's: two readings that must agree. */
typedef struct { uint32_t stype; void *next; } header;
typedef struct { header h; uint8_t uuid[16]; uint32_t version; } driver_properties;
typedef struct {
    header h;
    uint32_t type, vendor, device, flags, subdevice, clock;
    uint64_t largest;
    uint32_t contexts, priorities, threads_per_eu, simd_width, eus, subslices, slices;
    uint64_t resolution;
    uint32_t timestamp_bits, kernel_timestamp_bits;
    uint8_t uuid[16];
    char name[256];
} device_properties;
typedef struct { header h; uint64_t bytes; } usable_memory;
typedef struct { header h; uint32_t threads, x, y, z, count_x, count_y, count_z, shared, subgroup_count, subgroups[8]; } compute_properties;
typedef struct { header h; uint32_t spirv, flags, fp16, fp32, fp64, argument_bytes, print_bytes; uint8_t uuid[16]; } module_properties;
typedef struct { header h; uint32_t flags, clock, width; uint64_t bytes; char name[256]; } memory_properties;
typedef struct { header h; uint32_t flags; size_t longest_pattern; uint32_t queues; } queue_group;
typedef struct { header h; uint32_t flags; } flags_description;
typedef struct { header h; uint32_t ordinal, index, flags, mode, priority; } queue_description;
typedef struct { header h; uint32_t flags, ordinal; } memory_description;
typedef struct { header h; uint32_t flags, count; } pool_description;
typedef struct { header h; uint32_t index, signal, wait; } event_description;
typedef struct { header h; uint32_t format; size_t size; const uint8_t *input; const char *options; const void *constants; } module_description;
typedef struct { header h; uint32_t flags; const char *name; } kernel_description;
typedef struct { uint32_t x, y, z; } group_count;
typedef struct { uint32_t x, y, z, width, height, depth; } copy_region;
typedef struct { uint64_t start, end, context_start, context_end; } timestamps;

enum { S_DRIVER = 1, S_DEVICE = 3, S_COMPUTE = 4, S_MODULE_PROPERTIES = 5, S_QUEUE_GROUP = 6, S_MEMORY = 7, S_CONTEXT = 0xd, S_QUEUE = 0xe, S_POOL = 0x10,
       S_EVENT = 0x11, S_DEVICE_ALLOCATION = 0x15, S_HOST_ALLOCATION = 0x16, S_MODULE = 0x1b, S_KERNEL = 0x1d, S_RELAXED = 0x20001, S_USABLE = 0x20041 };
enum { MOST_THREADS = 512, SHARED_BYTES = 65536, TICK = 52 };
#define LARGEST_ALLOCATION ((size_t)1 << 22)

extern pthread_mutex_t lock;

/* Whether a structure says what it is, and that nothing hangs on it which the call does not take. */
bool headed(const void *structure, uint32_t stype, bool extension, const char *call);

#define ENTRY int __attribute__((visibility("default")))
#define BEGIN pthread_mutex_lock(&lock)
#define RETURN(value) do { int result_ = (value); pthread_mutex_unlock(&lock); return result_; } while (0)
#define KNOWN(name, handle, kind) object *name = known(handle, kind, __func__); if (!name) RETURN(INVALID_HANDLE)
#define EXPECT(condition, ...) do { if (!(condition)) { wrong(__VA_ARGS__); RETURN(INVALID_ARGUMENT); } } while (0)
#define HEADED(structure, stype) do { if (!headed(structure, stype, false, __func__)) RETURN(INVALID_ARGUMENT); } while (0)

#endif
