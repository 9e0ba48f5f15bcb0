#include "entry.h"

#include <stdio.h>
#include <string.h>

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool initialized;
static void *driver_handle, *device_handle;
static object *driver, *device;

bool headed(const void *structure, uint32_t stype, bool extension, const char *call)
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
    p->largest = LARGEST_ALLOCATION;
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
