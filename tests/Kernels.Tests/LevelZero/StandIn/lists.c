#include "entry.h"

#include <stdlib.h>
#include <string.h>

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
    if (size > LARGEST_ALLOCATION && !relaxed) {
        wrong("%s: %zu bytes without relaxed limits, expected at most %zu", call, size, LARGEST_ALLOCATION);
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
