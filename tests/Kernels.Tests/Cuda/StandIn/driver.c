#include "entry.h"

#include <stdio.h>
#include <string.h>

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
        if (stream->origin != capturing) {
            wrong("%s: another stream than the one that captures", call);
            return stream;
        }
        /* A branch's commands are captured where they are called: an order that its events allow. */
        stream->loose = true;
        return capturing;
    }
    return stream;
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
    if (!capturing && !event->origin) {
        RETURN(queue_reach(event));
    }
    EXPECT(capturing && event->origin, "cuStreamWaitEvent: a capture and work outside of it wait for each other");
    if (stream != capturing) {
        /* What the branch was given before is not part of it, as in cuStreamBeginCapture. */
        int error = queue_run(stream, NULL);
        stream->origin = capturing;
        RETURN(error);
    }
    if (event->origin != capturing) {
        EXPECT(!event->origin->loose, "cuStreamWaitEvent: a branch is joined before its last work");
        event->origin->origin = NULL;
    }
    RETURN(SUCCESS);
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
    event->origin = NULL;
    if (capturing) {
        /* A point in the graph, which no host waits for. */
        event->origin = known(queue, STREAM, __func__);
        event->origin->loose = false;
        RETURN(SUCCESS);
    }
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
