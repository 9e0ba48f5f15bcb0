#include "entry.h"

#include <stdio.h>
#include <string.h>

/* The structures, written from the driver API reference and not from Lean's: two readings that must agree. */
typedef struct {
    unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
    void *stream;
    struct { int id; char pad[4]; union { char bytes[64]; int serialized; } value; } *attributes;
    unsigned attribute_count;
} launch_config;
typedef struct { uint64_t mark; const uint8_t *address; uint64_t bytes; } tensor_map;


static const uint64_t map_mark = 0x6c65616e206d6170u;

ENTRY cuModuleLoadDataEx(void **module, const char *image, unsigned count, int *options, void **values)
{
    USE;
    UNCAPTURED;
    for (unsigned i = 0; i < count; i++) {
        EXPECT(options[i] == 5 || options[i] == 6, "cuModuleLoadDataEx: option %d", options[i]);
        if (options[i] == 5 && fault("build")) {
            strcpy(values[i], "ptxas application ptx input, line 3; fatal : Unknown\nsymbol");
        }
    }
    if (fault("build") || fault("ptx")) {
        RETURN(fault("build") ? BUILD_FAILED : OLD_DRIVER);
    }
    EXPECT(strstr(image, "\n.version "), "cuModuleLoadDataEx: no PTX");
    object *made;
    *module = create(MODULE, &made);
    made->text = strdup(image);
    RETURN(SUCCESS);
}

ENTRY cuModuleUnload(void *module)
{
    USE;
    RETURN(destroy(module, MODULE, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY cuModuleGetFunction(void **function, void *handle, const char *name)
{
    USE;
    KNOWN(module, handle, MODULE);
    signature found;
    if (!ptx_find(module->text, name, &found)) {
        RETURN(NOT_FOUND);
    }
    EXPECT(found.exact ? found.target == 90 : found.target <= 90, "%s is for sm_%u%s, the card is sm_90", name, found.target, found.exact ? "a" : "");
    object *made;
    *function = create(FUNCTION, &made);
    made->module = module;
    made->signature = found;
    made->most_shared = 49152 - found.shared;
    snprintf(made->name, sizeof made->name, "%s", name);
    RETURN(SUCCESS);
}

ENTRY cuFuncSetAttribute(void *handle, int attribute, int value)
{
    USE;
    KNOWN(function, handle, FUNCTION);
    if (attribute == 14) {
        EXPECT(value == 1 && function->signature.cluster > 8, "cuFuncSetAttribute: %s has clusters of %u and is given %d", function->name, function->signature.cluster, value);
        function->large_clusters = true;
        RETURN(SUCCESS);
    }
    if (attribute == 9) {
        EXPECT(value >= 0 && value <= 100, "cuFuncSetAttribute: %s is to set aside %d percent", function->name, value);
        RETURN(SUCCESS);
    }
    EXPECT(attribute == 8 && value >= 0 && (uint32_t)value + function->signature.shared <= 232448, "cuFuncSetAttribute: %s: attribute %d is %d", function->name, attribute, value);
    function->most_shared = (uint32_t)value;
    RETURN(SUCCESS);
}

ENTRY cuOccupancyMaxActiveClusters(int *clusters, void *handle, const launch_config *config)
{
    USE;
    KNOWN(function, handle, FUNCTION);
    const signature *s = &function->signature;
    EXPECT(s->cluster <= 8 || function->large_clusters, "cuOccupancyMaxActiveClusters: %s was not allowed clusters of %u", function->name, s->cluster);
    EXPECT(config->grid_x % s->cluster == 0 && config->grid_y == 1 && config->grid_z == 1 && config->block_x == s->threads && config->block_y == 1 && config->block_z == 1
        && config->shared <= function->most_shared && config->attribute_count == 0, "cuOccupancyMaxActiveClusters: %s: %u groups of %u", function->name, config->grid_x, config->block_x);
    *clusters = fault("small") ? 0 : 1;
    RETURN(SUCCESS);
}

/* A parameter of 16 bytes is a view, an address and a count; one of 128 a map. Both must name memory that is there. */
static bool name_memory(command *c, const char *kernel, uint32_t bytes, const void *value)
{
    tensor_map map = {map_mark, NULL, 0};
    if (bytes == 16) {
        memcpy(&map.address, value, 16);
        map.bytes *= 2; /* no element is smaller */
    } else if (bytes == MAP_BYTES) {
        memcpy(&map, value, sizeof map);
    }
    if (map.mark != map_mark) {
        wrong("%s: a map that nobody made", kernel);
        return false;
    }
    if (map.bytes == 0) {
        return true;
    }
    c->named[c->named_count++] = map.address;
    return memory_holds(map.address, map.bytes, kernel);
}

static int launch(const char *call, void *handle, const unsigned grid[3], const unsigned block[3], unsigned shared, void *queue, void **parameters)
{
    object *function = known(handle, FUNCTION, call), *stream = function ? stream_of(queue, call) : NULL;
    if (!stream || !function->module->alive) {
        return INVALID_HANDLE;
    }
    const signature *s = &function->signature;
    if (grid[0] == 0 || grid[0] > 0x7fffffff || grid[1] == 0 || grid[1] > 65535 || grid[2] != 1) {
        wrong("%s: %u × %u × %u groups", function->name, grid[0], grid[1], grid[2]);
        return INVALID_VALUE;
    }
    if (s->cluster > 8 && !function->large_clusters) {
        wrong("%s: clusters of %u, which it was not allowed", function->name, s->cluster);
        return INVALID_VALUE;
    }
    if (grid[0] % s->cluster != 0) {
        wrong("%s: %u groups in clusters of %u", function->name, grid[0], s->cluster);
        return INVALID_VALUE;
    }
    if (block[0] != s->threads || block[1] != 1 || block[2] != 1) {
        wrong("%s runs in groups of %u and was given %u × %u × %u", function->name, s->threads, block[0], block[1], block[2]);
        return INVALID_VALUE;
    }
    if (shared > function->most_shared) {
        wrong("%s: %u bytes of shared memory, at most %u", function->name, shared, function->most_shared);
        return INVALID_VALUE;
    }
    command *c = queue_add(stream, LAUNCH);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!parameters[i] || (s->sizes[i] > 8 && !name_memory(c, function->name, s->sizes[i], parameters[i]))) {
            wrong("%s: parameter %u of %u", function->name, i, s->count);
        }
    }
    return SUCCESS;
}

ENTRY cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                     void *stream, void **parameters, void **extra)
{
    USE;
    EXPECT(!extra, "cuLaunchKernel: extra options");
    RETURN(launch(__func__, function, (unsigned[]){grid_x, grid_y, grid_z}, (unsigned[]){block_x, block_y, block_z}, shared, stream, parameters));
}

ENTRY cuLaunchKernelEx(const launch_config *c, void *function, void **parameters, void **extra)
{
    USE;
    EXPECT(!extra && c->attribute_count <= 1, "cuLaunchKernelEx: %u attributes", c->attribute_count);
    EXPECT(c->attribute_count == 0 || (c->attributes[0].id == 6 && c->attributes[0].value.serialized == 1), "cuLaunchKernelEx: attribute %d", c->attributes[0].id);
    RETURN(launch(__func__, function, (unsigned[]){c->grid_x, c->grid_y, c->grid_z}, (unsigned[]){c->block_x, c->block_y, c->block_z}, c->shared, c->stream, parameters));
}

ENTRY cuTensorMapEncodeTiled(void *map, int type, unsigned rank, const uint8_t *address, const uint64_t *extents, const uint64_t *strides, const uint32_t *box,
                             const uint32_t *steps, int interleave, int swizzle, int fetch, int outside)
{
    USE;
    uint32_t size = type == 7 ? 4 : type == 9 ? 2 : 0;
    EXPECT((uintptr_t)map % 64 == 0 && size > 0 && rank == 2, "cuTensorMapEncodeTiled: type %d, rank %u, map at %p", type, rank, map);
    EXPECT(interleave == 0 && swizzle == 3 && fetch >= 0 && fetch <= 3 && outside == 0, "cuTensorMapEncodeTiled: %d %d %d %d", interleave, swizzle, fetch, outside);
    EXPECT((uintptr_t)address % 16 == 0 && strides[0] % 16 == 0 && strides[0] >= extents[0] * size, "cuTensorMapEncodeTiled: rows of %llu elements, %llu bytes apart",
           (unsigned long long)extents[0], (unsigned long long)strides[0]);
    EXPECT(box[0] * size == 128 && box[1] >= 1 && box[1] <= 256 && steps[0] == 1 && steps[1] == 1, "cuTensorMapEncodeTiled: a tile of %u × %u", box[1], box[0]);
    EXPECT(extents[0] > 0 && extents[1] > 0, "cuTensorMapEncodeTiled: an empty tensor");
    uint64_t bytes = (extents[1] - 1) * strides[0] + extents[0] * size;
    memory_holds(address, bytes, __func__);
    memset(map, 0, MAP_BYTES);
    memcpy(map, &(tensor_map){map_mark, address, bytes}, sizeof(tensor_map));
    RETURN(SUCCESS);
}

ENTRY cuStreamBeginCapture_v2(void *handle, int mode)
{
    USE;
    KNOWN(stream, handle, STREAM);
    UNCAPTURED;
    EXPECT(mode >= 0 && mode <= 2, "cuStreamBeginCapture: mode %d", mode);
    /* What was queued before is not part of it; here it has taken place by then. */
    int error = queue_run(stream, NULL);
    capturing = stream;
    RETURN(error);
}

ENTRY cuStreamEndCapture(void *handle, void **graph)
{
    USE;
    KNOWN(stream, handle, STREAM);
    EXPECT(capturing == stream, "cuStreamEndCapture: the stream does not capture");
    object *made;
    capturing = NULL;
    if (leave_branches(stream)) {
        wrong("cuStreamEndCapture: a branch was not joined");
        queue_run(stream, NULL);
        RETURN(UNJOINED);
    }
    *graph = create(GRAPH, &made);
    queue_move(stream, made);
    RETURN(SUCCESS);
}

ENTRY cuGraphInstantiateWithFlags(void **executable, void *handle, unsigned long long flags)
{
    USE;
    KNOWN(graph, handle, GRAPH);
    EXPECT(flags == 0, "cuGraphInstantiateWithFlags: flags %llu", flags);
    object *made;
    *executable = create(EXECUTABLE, &made);
    queue_move(graph, made);
    RETURN(SUCCESS);
}

ENTRY cuGraphLaunch(void *handle, void *queue)
{
    USE;
    UNCAPTURED;
    KNOWN(executable, handle, EXECUTABLE);
    KNOWN(stream, queue, STREAM);
    queue_append(stream, executable);
    RETURN(SUCCESS);
}

ENTRY cuGraphExecDestroy(void *handle)
{
    USE;
    RETURN(destroy(handle, EXECUTABLE, __func__) ? SUCCESS : INVALID_HANDLE);
}

ENTRY cuGraphDestroy(void *handle)
{
    USE;
    RETURN(destroy(handle, GRAPH, __func__) ? SUCCESS : INVALID_HANDLE);
}
