/* Copies and fills, which are queued: every side must be memory that is there, and what its call says it is. */
#include "entry.h"

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
