#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char native_mark[16] = "lean stand-in 1";

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
