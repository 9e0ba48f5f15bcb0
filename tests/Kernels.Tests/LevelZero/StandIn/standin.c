#include "objects.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static const char native_mark[16] = "lean stand-in 1";
static const size_t largest_allocation = (size_t)1 << 22;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;
static void *driver_handle, *device_handle;
static object *driver, *device;

#define ENTRY int __attribute__((visibility("default")))
#define BEGIN pthread_mutex_lock(&lock)
#define RETURN(value) do { int result_ = (value); pthread_mutex_unlock(&lock); return result_; } while (0)
#define KNOWN(name, handle, kind) object *name = known(handle, kind, __func__); if (!name) RETURN(INVALID_HANDLE)
#define EXPECT(condition, ...) do { if (!(condition)) { wrong(__VA_ARGS__); RETURN(INVALID_ARGUMENT); } } while (0)

static bool headed(const void *structure, uint32_t stype, bool extension, const char *call)
{
    const header *h = structure;
    if (!h) {
        wrong("%s: no structure", call);
        return false;
    }
    if (h->stype != stype || (h->next && !extension)) {
        wrong("%s: a structure of type 0x%x%s, expected 0x%x", call, h->stype, h->next ? " with an extension" : "", stype);
        return false;
    }
    return true;
}

#define HEADED(structure, stype) do { if (!headed(structure, stype, false, __func__)) RETURN(INVALID_ARGUMENT); } while (0)

ENTRY zeInit(uint32_t flags)
{
    BEGIN;
    EXPECT(flags == 0, "zeInit: flags 0x%x", flags);
    if (fault("init")) {
        RETURN(UNINITIALIZED);
    }
    if (!initialized) {
        driver_handle = create(DRIVER, NULL, &driver);
        device_handle = create(DEVICE, NULL, &device);
        initialized = true;
    }
    RETURN(SUCCESS);
}

static int list_one(uint32_t *count, void **handles, void *one, bool none, const char *call)
{
    if (!initialized) {
        wrong("%s: before zeInit", call);
        return UNINITIALIZED;
    }
    uint32_t room = *count;
    if (room == 0 || room > (none ? 0u : 1u)) {
        *count = none ? 0 : 1;
    }
    if (room > 0 && handles && !none) {
        handles[0] = one;
    }
    return SUCCESS;
}

ENTRY zeDriverGet(uint32_t *count, void **drivers)
{
    BEGIN;
    RETURN(list_one(count, drivers, driver_handle, false, __func__));
}

ENTRY zeDeviceGet(void *handle, uint32_t *count, void **devices)
{
    BEGIN;
    KNOWN(d, handle, DRIVER);
    RETURN(list_one(count, devices, device_handle, fault("none"), __func__));
}

ENTRY zeDriverGetApiVersion(void *handle, uint32_t *version)
{
    BEGIN;
    KNOWN(d, handle, DRIVER);
    *version = 1u << 16 | (fault("old") ? 3 : 9);
    RETURN(SUCCESS);
}

ENTRY zeDriverGetProperties(void *handle, driver_properties *properties)
{
    BEGIN;
    KNOWN(d, handle, DRIVER);
    HEADED(properties, S_DRIVER);
    properties->version = 0x1030507;
    RETURN(SUCCESS);
}

ENTRY zeDeviceGetProperties(void *handle, device_properties *p)
{
    BEGIN;
    KNOWN(d, handle, DEVICE);
    if (!headed(p, S_DEVICE, true, __func__)) {
        RETURN(INVALID_ARGUMENT);
    }
    usable_memory *usable = p->h.next;
    if (usable) {
        HEADED(usable, S_USABLE);
        usable->bytes = memory_total() - memory_used();
    }
    header kept = p->h;
    memset(p, 0, sizeof *p);
    p->h = kept;
    p->type = 1;
    p->vendor = 0x8086;
    p->device = 0x1234;
    p->largest = largest_allocation;
    p->resolution = TICK;
    p->timestamp_bits = 36;
    p->kernel_timestamp_bits = 32;
    snprintf(p->name, sizeof p->name, "Stand-in for tests");
    RETURN(SUCCESS);
}

ENTRY zeDeviceGetComputeProperties(void *handle, compute_properties *p)
{
    BEGIN;
    KNOWN(d, handle, DEVICE);
    HEADED(p, S_COMPUTE);
    p->threads = p->x = p->y = p->z = fault("threads") ? 64 : MOST_THREADS;
    p->count_x = p->count_y = p->count_z = INT32_MAX;
    p->shared = SHARED_BYTES;
    p->subgroup_count = 0;
    RETURN(SUCCESS);
}

ENTRY zeDeviceGetModuleProperties(void *handle, module_properties *p)
{
    BEGIN;
    KNOWN(d, handle, DEVICE);
    HEADED(p, S_MODULE_PROPERTIES);
    p->spirv = fault("ir") ? 0 : 1u << 16 | 2;
    p->argument_bytes = 1024;
    RETURN(SUCCESS);
}

ENTRY zeDeviceGetMemoryProperties(void *handle, uint32_t *count, memory_properties *p)
{
    BEGIN;
    KNOWN(d, handle, DEVICE);
    if (*count > 0 && p) {
        HEADED(p, S_MEMORY);
        p->bytes = memory_total();
    }
    *count = 1;
    RETURN(SUCCESS);
}

/* The first group only copies, so that somebody who takes the first is caught. */
ENTRY zeDeviceGetCommandQueueGroupProperties(void *handle, uint32_t *count, queue_group *groups)
{
    BEGIN;
    KNOWN(d, handle, DEVICE);
    for (uint32_t i = 0; i < *count && i < 2 && groups; i++) {
        HEADED(groups + i, S_QUEUE_GROUP);
        groups[i].flags = i == 0 ? 2 : 1 | 2;
        groups[i].longest_pattern = 16;
        groups[i].queues = 1;
    }
    *count = 2;
    RETURN(SUCCESS);
}

ENTRY zeContextCreate(void *handle, const flags_description *description, void **context)
{
    BEGIN;
    KNOWN(d, handle, DRIVER);
    HEADED(description, S_CONTEXT);
    EXPECT(description->flags == 0 && context, "zeContextCreate: flags 0x%x", description->flags);
    object *made;
    *context = create(CONTEXT, NULL, &made);
    RETURN(SUCCESS);
}

ENTRY zeContextDestroy(void *handle)
{
    BEGIN;
    RETURN(destroy(handle, CONTEXT, __func__) ? SUCCESS : INVALID_HANDLE);
}

static int allocate(void *handle, const memory_description *d, uint32_t stype, size_t size, size_t alignment, void *on, void **memory, const char *call)
{
    object *context = known(handle, CONTEXT, call);
    if (!context || (on && !known(on, DEVICE, call)) || !headed(d, stype, true, call) || !memory) {
        return INVALID_HANDLE;
    }
    const flags_description *relaxed = d->h.next;
    if (relaxed && (!headed(relaxed, S_RELAXED, false, call) || relaxed->flags != 1)) {
        return INVALID_ARGUMENT;
    }
    if (size > largest_allocation && !relaxed) {
        wrong("%s: %zu bytes without relaxed limits, expected at most %zu", call, size, largest_allocation);
        return UNSUPPORTED_SIZE;
    }
    if (d->flags != 0 || (on && d->ordinal != 0)) {
        wrong("%s: flags 0x%x, memory %u", call, d->flags, d->ordinal);
        return INVALID_ARGUMENT;
    }
    return memory_new(size, alignment, on == NULL, memory);
}

ENTRY zeMemAllocDevice(void *context, const memory_description *d, size_t size, size_t alignment, void *on, void **memory)
{
    BEGIN;
    KNOWN(checked, on, DEVICE);
    RETURN(allocate(context, d, S_DEVICE_ALLOCATION, size, alignment, on, memory, __func__));
}

ENTRY zeMemAllocHost(void *context, const memory_description *d, size_t size, size_t alignment, void **memory)
{
    BEGIN;
    RETURN(allocate(context, d, S_HOST_ALLOCATION, size, alignment, NULL, memory, __func__));
}

ENTRY zeMemFree(void *handle, void *memory)
{
    BEGIN;
    KNOWN(context, handle, CONTEXT);
    RETURN(memory_free(memory));
}

ENTRY zeCommandListCreateImmediate(void *handle, void *on, const queue_description *d, void **list)
{
    BEGIN;
    KNOWN(context, handle, CONTEXT);
    KNOWN(where, on, DEVICE);
    HEADED(d, S_QUEUE);
    EXPECT(d->ordinal == 1 && d->index == 0, "zeCommandListCreateImmediate: group %u, queue %u: kernels run in group 1, which has one queue", d->ordinal, d->index);
    EXPECT(d->flags == 2 && d->mode == 2 && d->priority == 0, "zeCommandListCreateImmediate: flags 0x%x, mode %u, priority %u: expected in order (2), asynchronous (2), normal (0)", d->flags, d->mode, d->priority);
    object *made;
    *list = create(LIST, context, &made);
    RETURN(SUCCESS);
}

ENTRY zeCommandListDestroy(void *handle)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    if (list->first) {
        wrong("zeCommandListDestroy: its work is not done");
    }
    RETURN(destroy(handle, LIST, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY zeCommandListHostSynchronize(void *handle, uint64_t timeout)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    EXPECT(timeout == UINT64_MAX, "zeCommandListHostSynchronize: a timeout of %llu", (unsigned long long)timeout);
    RETURN(queue_run(list, NULL));
}

static bool copy_check(const void *target, const void *source, size_t target_bytes, size_t source_bytes, const char *call)
{
    if (!memory_find(target) && !memory_find(source)) {
        wrong("%s: neither side is the device's", call);
        return false;
    }
    return memory_check(target, target_bytes, true, call) && memory_check(source, source_bytes, true, call);
}

ENTRY zeCommandListAppendMemoryCopy(void *handle, void *target, const void *source, size_t size, void *signal, uint32_t waits, void **wait_list)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    EXPECT(!signal && waits == 0 && !wait_list, "zeCommandListAppendMemoryCopy: events");
    EXPECT(size > 0 && copy_check(target, source, size, size, __func__), "zeCommandListAppendMemoryCopy: %zu bytes", size);
    command *c = queue_add(list, COPY);
    c->target = target;
    c->source = source;
    c->width = size;
    RETURN(SUCCESS);
}

ENTRY zeCommandListAppendMemoryCopyRegion(void *handle, void *target, const copy_region *t, uint32_t target_pitch, uint32_t target_slice, const void *source,
                                          const copy_region *s, uint32_t source_pitch, uint32_t source_slice, void *signal, uint32_t waits, void **wait_list)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    EXPECT(!signal && waits == 0 && !wait_list, "zeCommandListAppendMemoryCopyRegion: events");
    EXPECT(t && s && memcmp(t, s, sizeof *t) == 0 && t->x == 0 && t->y == 0 && t->z == 0 && t->width > 0 && t->height > 0 && t->depth == 0
               && target_slice == 0 && source_slice == 0, "zeCommandListAppendMemoryCopyRegion: regions that are no equal planes");
    EXPECT(t->width <= target_pitch && t->width <= source_pitch, "zeCommandListAppendMemoryCopyRegion: rows of %u bytes, %u and %u apart", t->width, target_pitch, source_pitch);
    size_t rows = t->height - 1;
    EXPECT(copy_check(target, source, rows * target_pitch + t->width, rows * source_pitch + t->width, __func__), "zeCommandListAppendMemoryCopyRegion: outside");
    command *c = queue_add(list, COPY);
    *c = (command){.verb = COPY, .target = target, .source = source, .width = t->width, .rows = t->height, .target_pitch = target_pitch, .source_pitch = source_pitch};
    RETURN(SUCCESS);
}

ENTRY zeCommandListAppendMemoryFill(void *handle, void *memory, const void *pattern, size_t pattern_size, size_t size, void *signal, uint32_t waits, void **wait_list)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    EXPECT(!signal && waits == 0 && !wait_list, "zeCommandListAppendMemoryFill: events");
    EXPECT(pattern && pattern_size == 1 && size > 0, "zeCommandListAppendMemoryFill: %zu bytes with a pattern of %zu", size, pattern_size);
    EXPECT(memory_check(memory, size, false, __func__), "zeCommandListAppendMemoryFill: outside");
    command *c = queue_add(list, FILL);
    c->target = memory;
    c->width = size;
    c->value = *(const uint8_t *)pattern;
    RETURN(SUCCESS);
}

ENTRY zeCommandListAppendSignalEvent(void *handle, void *signal)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    KNOWN(event, signal, EVENT);
    EXPECT(!event->signaled && !queue_names(event), "zeCommandListAppendSignalEvent: the event is in use");
    queue_add(list, SIGNAL)->event = event;
    RETURN(SUCCESS);
}

ENTRY zeCommandListAppendWaitOnEvents(void *handle, uint32_t count, void **events)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    EXPECT(count == 1 && events, "zeCommandListAppendWaitOnEvents: %u events", count);
    KNOWN(event, events[0], EVENT);
    EXPECT(event->signaled || queue_names(event), "zeCommandListAppendWaitOnEvents: nothing will signal the event");
    queue_add(list, WAIT)->event = event;
    RETURN(SUCCESS);
}

ENTRY zeEventPoolCreate(void *handle, const pool_description *d, uint32_t devices, void **device_list, void **pool)
{
    BEGIN;
    KNOWN(context, handle, CONTEXT);
    HEADED(d, S_POOL);
    EXPECT((d->flags == 1 || d->flags == 5) && d->count > 0 && d->count <= 256, "zeEventPoolCreate: flags 0x%x, %u events", d->flags, d->count);
    EXPECT(devices == 1 && device_list, "zeEventPoolCreate: %u devices", devices);
    KNOWN(where, device_list[0], DEVICE);
    object *made;
    *pool = create(POOL, context, &made);
    made->count = d->count;
    made->timestamps = (d->flags & 4) != 0;
    RETURN(SUCCESS);
}

ENTRY zeEventPoolDestroy(void *handle)
{
    BEGIN;
    RETURN(destroy(handle, POOL, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY zeEventCreate(void *handle, const event_description *d, void **event)
{
    BEGIN;
    KNOWN(pool, handle, POOL);
    HEADED(d, S_EVENT);
    EXPECT(d->index < pool->count && (pool->taken[d->index / 64] >> d->index % 64 & 1) == 0, "zeEventCreate: place %u of %u", d->index, pool->count);
    EXPECT(d->signal == 4 && d->wait == 4, "zeEventCreate: scopes 0x%x and 0x%x", d->signal, d->wait);
    object *made;
    *event = create(EVENT, pool, &made);
    made->index = d->index;
    made->timestamps = pool->timestamps;
    pool->taken[d->index / 64] |= (uint64_t)1 << d->index % 64;
    RETURN(SUCCESS);
}

ENTRY zeEventDestroy(void *handle)
{
    BEGIN;
    KNOWN(event, handle, EVENT);
    EXPECT(!queue_names(event), "zeEventDestroy: queued work has yet to use the event");
    event->parent->taken[event->index / 64] &= ~((uint64_t)1 << event->index % 64);
    RETURN(destroy(handle, EVENT, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY zeEventHostReset(void *handle)
{
    BEGIN;
    KNOWN(event, handle, EVENT);
    EXPECT(!queue_names(event), "zeEventHostReset: queued work has yet to use the event");
    event->signaled = false;
    RETURN(SUCCESS);
}

ENTRY zeEventHostSynchronize(void *handle, uint64_t timeout)
{
    BEGIN;
    KNOWN(event, handle, EVENT);
    EXPECT(timeout == UINT64_MAX, "zeEventHostSynchronize: a timeout of %llu", (unsigned long long)timeout);
    RETURN(queue_reach(event));
}

/* The first question comes too early, the next does not. */
ENTRY zeEventQueryStatus(void *handle)
{
    BEGIN;
    KNOWN(event, handle, EVENT);
    if (event->signaled) {
        RETURN(SUCCESS);
    }
    int error = queue_reach(event);
    RETURN(error == SUCCESS ? NOT_READY : error);
}

ENTRY zeEventQueryKernelTimestamp(void *handle, timestamps *times)
{
    BEGIN;
    KNOWN(event, handle, EVENT);
    EXPECT(event->timestamps && event->signaled && times, "zeEventQueryKernelTimestamp: an event without times");
    *times = (timestamps){event->start, event->end, event->start, event->end};
    RETURN(SUCCESS);
}

ENTRY zeModuleCreate(void *handle, void *on, const module_description *d, void **module, void **log)
{
    BEGIN;
    KNOWN(context, handle, CONTEXT);
    KNOWN(where, on, DEVICE);
    HEADED(d, S_MODULE);
    EXPECT(d->format <= 1 && d->size > 0 && d->input && !d->constants && module && log, "zeModuleCreate: format %u, %zu bytes", d->format, d->size);
    EXPECT(!d->options == (d->format == 1) && (!d->options || strcmp(d->options, "-ze-opt-greater-than-4GB-buffer-required") == 0),
           "zeModuleCreate: options '%s'", d->options ? d->options : "");
    size_t mark = d->format == 1 ? sizeof native_mark : 0;
    if (d->format == 1 && (d->size <= mark || memcmp(d->input, native_mark, mark) != 0)) {
        RETURN(INVALID_BINARY);
    }
    object *made;
    if (fault("build") || !spirv_valid(d->input + mark, d->size - mark)) {
        *log = create(LOG, context, &made);
        made->bytes = (uint8_t *)strdup("error: undefined reference to `barrier'\nin kernel: line 3\n");
        made->size = strlen((char *)made->bytes) + 1;
        RETURN(BUILD_FAILURE);
    }
    *log = create(LOG, context, &made);
    *module = create(MODULE, context, &made);
    made->size = d->size - mark;
    made->bytes = malloc(made->size);
    memcpy(made->bytes, d->input + mark, made->size);
    RETURN(SUCCESS);
}

ENTRY zeModuleDestroy(void *handle)
{
    BEGIN;
    KNOWN(module, handle, MODULE);
    if (!destroy(handle, MODULE, __func__)) {
        RETURN(INVALID_HANDLE);
    }
    program_free(module->program);
    module->program = NULL;
    free(module->bytes);
    module->bytes = NULL;
    RETURN(SUCCESS);
}

static int give(const void *bytes, size_t length, const uint8_t *mark, size_t mark_length, size_t *size, uint8_t *room)
{
    if (room && *size < mark_length + length) {
        wrong("%zu bytes were given room for %zu", mark_length + length, *size);
        return INVALID_SIZE;
    }
    if (room) {
        memcpy(room, mark, mark_length);
        memcpy(room + mark_length, bytes, length);
    }
    *size = mark_length + length;
    return SUCCESS;
}

ENTRY zeModuleGetNativeBinary(void *handle, size_t *size, uint8_t *binary)
{
    BEGIN;
    KNOWN(module, handle, MODULE);
    RETURN(give(module->bytes, module->size, (const uint8_t *)native_mark, sizeof native_mark, size, binary));
}

ENTRY zeModuleBuildLogGetString(void *handle, size_t *size, char *text)
{
    BEGIN;
    KNOWN(log, handle, LOG);
    RETURN(give(log->bytes, log->size, (const uint8_t *)"", 0, size, (uint8_t *)text));
}

ENTRY zeModuleBuildLogDestroy(void *handle)
{
    BEGIN;
    RETURN(destroy(handle, LOG, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY zeKernelCreate(void *handle, const kernel_description *d, void **kernel)
{
    BEGIN;
    KNOWN(module, handle, MODULE);
    HEADED(d, S_KERNEL);
    EXPECT(d->flags == 0 && d->name && kernel, "zeKernelCreate: flags 0x%x", d->flags);
    signature found;
    if (!spirv_find(module->bytes, module->size, d->name, &found)) {
        RETURN(INVALID_NAME);
    }
    object *made;
    *kernel = create(KERNEL, module, &made);
    made->signature = found;
    snprintf(made->name, sizeof made->name, "%s", d->name);
    RETURN(SUCCESS);
}

ENTRY zeKernelDestroy(void *handle)
{
    BEGIN;
    KNOWN(kernel, handle, KERNEL);
    EXPECT(!queue_names(kernel), "zeKernelDestroy: queued work has yet to run %s", kernel->name);
    RETURN(destroy(handle, KERNEL, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY zeKernelSetGroupSize(void *handle, uint32_t x, uint32_t y, uint32_t z)
{
    BEGIN;
    KNOWN(kernel, handle, KERNEL);
    const uint32_t *declared = kernel->signature.group;
    if ((uint64_t)x * y * z > MOST_THREADS || x == 0 || y == 0 || z == 0) {
        RETURN(INVALID_GROUP_SIZE);
    }
    EXPECT(x == declared[0] && y == declared[1] && z == declared[2], "%s runs in groups of %u × %u × %u and was given %u × %u × %u", kernel->name,
           declared[0], declared[1], declared[2], x, y, z);
    memcpy(kernel->group, declared, sizeof kernel->group);
    RETURN(SUCCESS);
}

ENTRY zeKernelSetArgumentValue(void *handle, uint32_t index, size_t size, const void *value)
{
    BEGIN;
    KNOWN(kernel, handle, KERNEL);
    if (index >= kernel->signature.count) {
        wrong("%s has %u arguments and was given number %u", kernel->name, kernel->signature.count, index);
        RETURN(INVALID_INDEX);
    }
    const parameter *p = &kernel->signature.parameters[index];
    if (size != p->size) {
        wrong("%s: argument %u has %zu bytes and was given %zu", kernel->name, index, p->size, size);
        RETURN(INVALID_SIZE);
    }
    argument *a = &kernel->arguments[index];
    memset(a, 0, sizeof *a);
    if (p->pointer && value) {
        memcpy(&a->address, value, sizeof a->address);
        EXPECT(memory_check(a->address, 1, false, kernel->name), "%s: argument %u", kernel->name, index);
        allocation *in = memory_find(a->address);
        a->bytes = in->bytes - (size_t)((uint8_t *)a->address - in->address);
    } else if (!p->pointer) {
        EXPECT(value, "%s: argument %u is missing", kernel->name, index);
        memcpy(a->value, value, size);
        a->size = size;
    }
    kernel->set[index] = true;
    RETURN(SUCCESS);
}

/* A view is a pointer and, after all pointers, a place and a length: it must lie in the pointer's allocation. */
static bool views_fit(const object *kernel)
{
    uint32_t pointer = 0;
    for (uint32_t i = 0; i < kernel->signature.count; i++) {
        const argument *view = &kernel->arguments[i];
        if (kernel->signature.parameters[i].pointer || kernel->signature.parameters[i].size != 16) {
            continue;
        }
        const argument *memory = &kernel->arguments[pointer];
        int32_t offset;
        int64_t length;
        memcpy(&offset, view->value, sizeof offset);
        memcpy(&length, view->value + 8, sizeof length);
        size_t bytes = ((size_t)offset + (size_t)length) * kernel->signature.parameters[pointer].element;
        if (offset < 0 || length < 0 || bytes > memory->bytes || (length > 0 && !memory->address)) {
            wrong("%s: view %u has %lld elements at %d in %zu bytes", kernel->name, pointer, (long long)length, offset, memory->bytes);
            return false;
        }
        pointer++;
    }
    return true;
}

ENTRY zeCommandListAppendLaunchKernel(void *handle, void *launched, const group_count *groups, void *signal, uint32_t waits, void **wait_list)
{
    BEGIN;
    KNOWN(list, handle, LIST);
    KNOWN(kernel, launched, KERNEL);
    object *event = signal ? known(signal, EVENT, __func__) : NULL;
    EXPECT(waits == 0 && !wait_list && !signal == !event, "zeCommandListAppendLaunchKernel: events");
    EXPECT(!event || (!event->signaled && !queue_names(event)), "zeCommandListAppendLaunchKernel: the event is in use");
    EXPECT(groups && groups->x > 0 && groups->y > 0 && groups->z > 0, "%s: no groups", kernel->name);
    EXPECT(kernel->group[0] > 0, "%s: its group size was not set", kernel->name);
    for (uint32_t i = 0; i < kernel->signature.count; i++) {
        EXPECT(kernel->set[i], "%s: argument %u of %u was not set", kernel->name, i, kernel->signature.count);
        argument *a = &kernel->arguments[i];
        EXPECT(!a->address || memory_check(a->address, 1, false, kernel->name), "%s: argument %u was freed", kernel->name, i);
    }
    EXPECT(views_fit(kernel), "%s: a view is outside", kernel->name);
    command *c = queue_add(list, LAUNCH);
    c->kernel = kernel;
    c->event = event;
    c->signature = kernel->signature;
    memcpy(c->arguments, kernel->arguments, sizeof c->arguments);
    memcpy(c->groups, (uint32_t[]){groups->x, groups->y, groups->z}, sizeof c->groups);
    RETURN(SUCCESS);
}
