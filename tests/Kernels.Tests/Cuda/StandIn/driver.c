#include "entry.h"

#include <stdio.h>
#include <string.h>

/* The structure, written from the driver API reference and not from Lean's: two readings that must agree. */
typedef struct {
    size_t source_x, source_y;
    int source_type;
    const void *source_host;
    uintptr_t source_device;
    void *source_array;
    size_t source_pitch, target_x, target_y;
    int target_type;
    void *target_host;
    uintptr_t target_device;
    void *target_array;
    size_t target_pitch, width, height;
} copy_2d;

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;
static int retained[MOST_CARDS];
static bool peers[MOST_CARDS][MOST_CARDS];
__thread int entered;
__thread object *capturing;
static const uintptr_t contexts = 0xc07e8700000001u;

static int cards(void)
{
    return strncmp(planted_fault(), "cards:", 6) == 0 ? planted_fault()[6] - '0' : fault("none") ? 0 : 1;
}

/* Cards are numbered from FIRST_CARD, so that an ordinal is no handle. */
static bool is_card(int device)
{
    return device >= FIRST_CARD && device < FIRST_CARD + MOST_CARDS;
}

bool reaches(int card)
{
    return entered == card || peers[entered - 1][card - 1];
}

ENTRY cuInit(unsigned flags)
{
    BEGIN;
    EXPECT(flags == 0, "cuInit: flags %u", flags);
    if (fault("init") || fault("stub")) {
        RETURN(fault("init") ? NO_DEVICE : 34);
    }
    initialized = true;
    RETURN(SUCCESS);
}

ENTRY cuDriverGetVersion(int *version)
{
    *version = fault("driver") ? 11080 : 13000;
    return SUCCESS;
}

ENTRY cuGetErrorName(int error, const char **name)
{
    *name = "CUDA_ERROR";
    return error >= 0 ? SUCCESS : INVALID_VALUE;
}

ENTRY cuGetErrorString(int error, const char **text)
{
    *text = "the stand-in's words";
    return error >= 0 ? SUCCESS : INVALID_VALUE;
}

ENTRY cuDeviceGetCount(int *count)
{
    BEGIN;
    EXPECT(initialized, "cuDeviceGetCount: before cuInit");
    *count = cards();
    RETURN(SUCCESS);
}

ENTRY cuDeviceGet(int *device, int ordinal)
{
    BEGIN;
    EXPECT(ordinal >= 0 && ordinal < cards(), "cuDeviceGet: device %d of %d", ordinal, cards());
    *device = FIRST_CARD + ordinal;
    RETURN(SUCCESS);
}

ENTRY cuDeviceGetName(char *name, int size, int device)
{
    BEGIN;
    EXPECT(is_card(device), "cuDeviceGetName: %d is no device", device);
    snprintf(name, (size_t)size, "Stand-in for tests");
    RETURN(SUCCESS);
}

ENTRY cuDeviceGetAttribute(int *value, int attribute, int device)
{
    BEGIN;
    EXPECT(is_card(device), "cuDeviceGetAttribute: %d is no device", device);
    switch (attribute) {
    case 1: *value = 1024; break;                   /* threads of a block */
    case 16: *value = 132; break;                   /* multiprocessors */
    case 38: *value = 50 << 20; break;              /* L2 */
    case 75: *value = fault("card") ? 7 : 9; break; /* compute capability */
    case 76: *value = fault("card") ? 5 : 0; break;
    case 97: *value = 232448; break;                /* shared memory of a block, on request */
    default: wrong("cuDeviceGetAttribute: attribute %d", attribute); RETURN(INVALID_VALUE);
    }
    RETURN(SUCCESS);
}

ENTRY cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    *bytes = memory_total();
    return is_card(device) ? SUCCESS : INVALID_VALUE;
}

ENTRY cuDevicePrimaryCtxRetain(void **made, int device)
{
    BEGIN;
    EXPECT(initialized && is_card(device), "cuDevicePrimaryCtxRetain: device %d", device);
    retained[device - FIRST_CARD]++;
    *made = (void *)(contexts + (uintptr_t)(device - FIRST_CARD));
    RETURN(SUCCESS);
}

ENTRY cuDevicePrimaryCtxRelease_v2(int device)
{
    BEGIN;
    EXPECT(is_card(device) && retained[device - FIRST_CARD] > 0, "cuDevicePrimaryCtxRelease: device %d is not retained", device);
    int card = device - FIRST_CARD;
    if (--retained[card] == 0) {
        for (int other = 0; other < MOST_CARDS; other++) {
            peers[card][other] = peers[other][card] = false;
        }
    }
    RETURN(SUCCESS);
}

/* The card of a context that is retained, or -1. */
static int card_of(const void *made)
{
    uintptr_t card = (uintptr_t)made - contexts;
    return card < MOST_CARDS && retained[card] > 0 ? (int)card : -1;
}

ENTRY cuCtxSetCurrent(void *made)
{
    BEGIN;
    int card = card_of(made);
    EXPECT(card >= 0, "cuCtxSetCurrent: %p is no context", made);
    entered = card + 1;
    RETURN(SUCCESS);
}

ENTRY cuDeviceCanAccessPeer(int *can, int device, int peer)
{
    BEGIN;
    EXPECT(is_card(device) && is_card(peer) && device != peer, "cuDeviceCanAccessPeer: devices %d and %d", device, peer);
    *can = !strstr(planted_fault(), ":apart");
    RETURN(SUCCESS);
}

ENTRY cuCtxEnablePeerAccess(void *made, unsigned flags)
{
    USE;
    UNCAPTURED;
    int card = card_of(made);
    EXPECT(card >= 0 && card != entered - 1 && flags == 0, "cuCtxEnablePeerAccess: context %p, flags %u", made, flags);
    if (strstr(planted_fault(), ":apart") || peers[entered - 1][card]) {
        RETURN(peers[entered - 1][card] ? PEER_ENABLED : PEER_UNSUPPORTED);
    }
    peers[entered - 1][card] = true;
    RETURN(SUCCESS);
}

ENTRY cuMemGetInfo_v2(size_t *left, size_t *total)
{
    USE;
    *left = memory_left();
    *total = memory_total();
    RETURN(SUCCESS);
}

ENTRY cuMemAlloc_v2(void **address, size_t bytes)
{
    USE;
    UNCAPTURED;
    EXPECT(bytes > 0, "cuMemAlloc: 0 bytes");
    RETURN(memory_new(bytes, false, address));
}

ENTRY cuMemFree_v2(void *address)
{
    USE;
    UNCAPTURED;
    RETURN(memory_free(address, false, __func__));
}

ENTRY cuMemHostAlloc(void **address, size_t bytes, unsigned flags)
{
    USE;
    UNCAPTURED;
    EXPECT(bytes > 0 && (flags & ~7u) == 0, "cuMemHostAlloc: %zu bytes, flags %u", bytes, flags);
    RETURN(memory_new(bytes, true, address));
}

ENTRY cuMemFreeHost(void *address)
{
    USE;
    UNCAPTURED;
    RETURN(memory_free(address, true, __func__));
}

object *stream_of(void *handle, const char *call)
{
    object *stream = known(handle, STREAM, call);
    if (stream && stream->card != entered) {
        wrong("%s: the stream is another card's", call);
    }
    if (stream && capturing && stream != capturing) {
        wrong("%s: another stream than the one that captures", call);
    }
    return stream;
}

/* Whether a side of a copy is as it says; pageable memory is read when the call returns, and not when a graph runs. */
static bool side(const void *address, size_t bytes, bool device, const char *call)
{
    allocation *a = memory_find(address);
    if (device || a) {
        if (device && a && a->host) {
            wrong("%s: %p is the host's", call, address);
        }
        return memory_holds(address, bytes, call);
    }
    if (capturing) {
        wrong("%s: pageable memory in a captured step", call);
        return false;
    }
    return true;
}

static int copy(const char *call, void *handle, uint8_t *target, size_t target_pitch, bool to_device, const uint8_t *source, size_t source_pitch, bool from_device,
                size_t width, size_t rows)
{
    object *stream = stream_of(handle, call);
    size_t last = rows > 0 ? rows - 1 : 0;
    if (!stream || !target || !source || width == 0 || rows == 0 || !side(target, last * target_pitch + width, to_device, call)
        || !side(source, last * source_pitch + width, from_device, call)) {
        return INVALID_VALUE;
    }
    command *c = queue_add(stream, COPY);
    c->target = target;
    c->source = source;
    c->target_pitch = target_pitch;
    c->source_pitch = source_pitch;
    c->width = width;
    c->rows = rows;
    bool pageable = (!from_device && !memory_find(source)) || (!to_device && !memory_find(target));
    return pageable ? queue_run(stream, NULL) : SUCCESS;
}

ENTRY cuMemcpyHtoDAsync_v2(uintptr_t target, const void *source, size_t bytes, void *stream)
{
    USE;
    RETURN(copy(__func__, stream, (uint8_t *)target, bytes, true, source, bytes, false, bytes, 1));
}

ENTRY cuMemcpyDtoHAsync_v2(void *target, uintptr_t source, size_t bytes, void *stream)
{
    USE;
    RETURN(copy(__func__, stream, target, bytes, false, (const uint8_t *)source, bytes, true, bytes, 1));
}

ENTRY cuMemcpyDtoDAsync_v2(uintptr_t target, uintptr_t source, size_t bytes, void *stream)
{
    USE;
    RETURN(copy(__func__, stream, (uint8_t *)target, bytes, true, (const uint8_t *)source, bytes, true, bytes, 1));
}

ENTRY cuMemcpy2DAsync_v2(const copy_2d *c, void *stream)
{
    USE;
    bool to_device = c->target_type == 2, from_device = c->source_type == 2;
    EXPECT((to_device || c->target_type == 1) && (from_device || c->source_type == 1), "cuMemcpy2DAsync: memory of types %d and %d", c->source_type, c->target_type);
    EXPECT(c->source_x == 0 && c->source_y == 0 && c->target_x == 0 && c->target_y == 0 && !c->source_array && !c->target_array, "cuMemcpy2DAsync: an offset or an array");
    EXPECT(c->source_pitch >= c->width && c->target_pitch >= c->width, "cuMemcpy2DAsync: rows of %zu bytes, %zu and %zu apart", c->width, c->source_pitch, c->target_pitch);
    uint8_t *target = to_device ? (uint8_t *)c->target_device : c->target_host;
    const uint8_t *source = from_device ? (const uint8_t *)c->source_device : c->source_host;
    RETURN(copy(__func__, stream, target, c->target_pitch, to_device, source, c->source_pitch, from_device, c->width, c->height));
}

static int fill(const char *call, void *handle, uintptr_t address, size_t pitch, uint8_t value, size_t width, size_t rows)
{
    object *stream = stream_of(handle, call);
    if (!stream || width == 0 || rows == 0 || pitch < width || !side((void *)address, (rows - 1) * pitch + width, true, call)) {
        wrong("%s: %zu rows of %zu bytes, %zu apart", call, rows, width, pitch);
        return INVALID_VALUE;
    }
    command *c = queue_add(stream, FILL);
    c->target = (uint8_t *)address;
    c->target_pitch = pitch;
    c->width = width;
    c->rows = rows;
    c->value = value;
    return SUCCESS;
}

ENTRY cuMemsetD8Async(uintptr_t address, uint8_t value, size_t bytes, void *stream)
{
    USE;
    RETURN(fill(__func__, stream, address, bytes, value, bytes, 1));
}

ENTRY cuMemsetD2D8Async(uintptr_t address, size_t pitch, uint8_t value, size_t width, size_t rows, void *stream)
{
    USE;
    RETURN(fill(__func__, stream, address, pitch, value, width, rows));
}

ENTRY cuStreamCreate(void **stream, unsigned flags)
{
    USE;
    object *made;
    EXPECT(flags <= 1, "cuStreamCreate: flags %u", flags);
    *stream = create(STREAM, &made);
    RETURN(SUCCESS);
}

ENTRY cuStreamDestroy_v2(void *stream)
{
    USE;
    RETURN(destroy(stream, STREAM, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY cuStreamSynchronize(void *handle)
{
    USE;
    UNCAPTURED;
    KNOWN(stream, handle, STREAM);
    RETURN(queue_run(stream, NULL));
}

ENTRY cuStreamWaitEvent(void *handle, void *after, unsigned flags)
{
    USE;
    KNOWN(stream, handle, STREAM);
    KNOWN(event, after, EVENT);
    EXPECT(flags == 0 && stream, "cuStreamWaitEvent: flags %u", flags);
    RETURN(queue_reach(event));
}

ENTRY cuEventCreate(void **event, unsigned flags)
{
    USE;
    object *made;
    EXPECT((flags & ~3u) == 0, "cuEventCreate: flags %u", flags);
    *event = create(EVENT, &made);
    RETURN(SUCCESS);
}

ENTRY cuEventRecord(void *handle, void *queue)
{
    USE;
    KNOWN(event, handle, EVENT);
    object *stream = stream_of(queue, __func__);
    EXPECT(stream && !queue_names(NULL, 0, event), "cuEventRecord: the event is in use");
    event->recorded = true;
    event->reached = false;
    queue_add(stream, MARK)->event = event;
    RETURN(SUCCESS);
}

/* Work takes place at the latest moment: whoever asks makes it happen, and is told so the next time. */
ENTRY cuEventQuery(void *handle)
{
    USE;
    UNCAPTURED;
    KNOWN(event, handle, EVENT);
    bool reached = !event->recorded || event->reached;
    int error = queue_reach(event);
    RETURN(error != SUCCESS ? error : reached ? SUCCESS : NOT_READY);
}

ENTRY cuEventSynchronize(void *handle)
{
    USE;
    UNCAPTURED;
    KNOWN(event, handle, EVENT);
    RETURN(queue_reach(event));
}

ENTRY cuEventElapsedTime(float *milliseconds, void *first, void *last)
{
    USE;
    KNOWN(start, first, EVENT);
    KNOWN(end, last, EVENT);
    EXPECT(start->reached && end->reached, "cuEventElapsedTime: an event has not happened");
    *milliseconds = 0.001f;
    RETURN(SUCCESS);
}

ENTRY cuEventDestroy_v2(void *handle)
{
    USE;
    KNOWN(event, handle, EVENT);
    EXPECT(!queue_names(NULL, 0, event), "cuEventDestroy: the event is in use");
    RETURN(destroy(handle, EVENT, __func__) ? SUCCESS : INVALID_HANDLE);
}
