#include "standin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* OpenCL 1.2, bound by hand: its headers need not be installed. */
typedef void *object;
static struct {
    void *library;
    int32_t (*get_platforms)(uint32_t, object *, uint32_t *);
    int32_t (*get_devices)(object, uint64_t, uint32_t, object *, uint32_t *);
    object (*create_context)(const intptr_t *, uint32_t, const object *, void *, void *, int32_t *);
    object (*create_queue)(object, object, uint64_t, int32_t *);
    object (*create_program)(object, uint32_t, const object *, const size_t *, const uint8_t **, int32_t *, int32_t *);
    int32_t (*build)(object, uint32_t, const object *, const char *, void *, void *);
    object (*create_kernel)(object, const char *, int32_t *);
    object (*create_buffer)(object, uint64_t, size_t, void *, int32_t *);
    int32_t (*set_argument)(object, uint32_t, size_t, const void *);
    int32_t (*run)(object, object, uint32_t, const size_t *, const size_t *, const size_t *, uint32_t, const object *, object *);
    int32_t (*finish)(object);
    int32_t (*release_buffer)(object);
    int32_t (*release_kernel)(object);
    int32_t (*release_program)(object);
    object device, context, queue;
} cl;

struct program {
    object handle;
    object kernel;
};

enum { USE_HOST_POINTER = 8, READ_WRITE = 1, CPU = 2 };

static bool find(void *entry, const char *name)
{
    void *found = dlsym(cl.library, name);
    memcpy(entry, &found, sizeof found);
    return found != NULL;
}

static const char *open_device(void)
{
    if (cl.queue) {
        return NULL;
    }
    cl.library = dlopen("libOpenCL.so.1", RTLD_NOW);
    if (!cl.library) {
        return "there is no libOpenCL.so.1";
    }
    if (!find(&cl.get_platforms, "clGetPlatformIDs") || !find(&cl.get_devices, "clGetDeviceIDs") || !find(&cl.create_context, "clCreateContext")
        || !find(&cl.create_queue, "clCreateCommandQueue") || !find(&cl.create_program, "clCreateProgramWithBinary") || !find(&cl.build, "clBuildProgram")
        || !find(&cl.create_kernel, "clCreateKernel") || !find(&cl.create_buffer, "clCreateBuffer") || !find(&cl.set_argument, "clSetKernelArg")
        || !find(&cl.run, "clEnqueueNDRangeKernel") || !find(&cl.finish, "clFinish") || !find(&cl.release_buffer, "clReleaseMemObject")
        || !find(&cl.release_kernel, "clReleaseKernel") || !find(&cl.release_program, "clReleaseProgram")) {
        return "libOpenCL.so.1 lacks a function";
    }
    object platforms[8];
    uint32_t count = 0;
    cl.get_platforms(8, platforms, &count);
    for (uint32_t i = 0; i < count && i < 8 && !cl.device; i++) {
        if (cl.get_devices(platforms[i], CPU, 1, &cl.device, NULL) != 0) {
            cl.device = NULL;
        }
    }
    int32_t error = -1;
    cl.context = cl.device ? cl.create_context(NULL, 1, &cl.device, NULL, NULL, &error) : NULL;
    cl.queue = cl.context ? cl.create_queue(cl.context, cl.device, 0, &error) : NULL;
    return cl.queue ? NULL : "OpenCL has no device that is a CPU";
}

/* SPIR-V to LLVM bitcode in memory, through files: the translator is a program. */
static uint8_t *translate(const char *translator, const uint8_t *module, size_t size, size_t *length)
{
    char input[] = "/tmp/lean-standin-XXXXXX", output[sizeof input + 4], command[4096];
    int file = mkstemp(input);
    bool good = file >= 0 && write(file, module, size) == (ssize_t)size;
    if (file >= 0) {
        close(file);
    }
    snprintf(output, sizeof output, "%s.bc", input);
    snprintf(command, sizeof command, "sh '%s' '%s' '%s'", translator, input, output);
    uint8_t *bitcode = NULL;
    FILE *made = good && system(command) == 0 ? fopen(output, "rb") : NULL;
    if (made) {
        bitcode = malloc(1 << 24);
        *length = bitcode ? fread(bitcode, 1, 1 << 24, made) : 0;
        fclose(made);
    }
    unlink(input);
    unlink(output);
    return bitcode;
}

program *program_load(const char *translator, const uint8_t *module, size_t size, const char **why)
{
    *why = open_device();
    if (*why) {
        return NULL;
    }
    size_t length = 0;
    uint8_t *bitcode = translate(translator, module, size, &length);
    if (!bitcode) {
        *why = "the module cannot be translated";
        return NULL;
    }
    int32_t status = -1, error = -1;
    const uint8_t *first = bitcode;
    program *p = calloc(1, sizeof *p);
    p->handle = cl.create_program(cl.context, 1, &cl.device, &length, &first, &status, &error);
    free(bitcode);
    if (error != 0 || status != 0 || cl.build(p->handle, 1, &cl.device, "-x spir", NULL, NULL) != 0) {
        *why = "OpenCL does not take the translated module";
        free(p);
        return NULL;
    }
    return p;
}

bool program_run(program *p, const char *name, const signature *s, const argument *arguments, const uint32_t groups[3], const char **why)
{
    int32_t error = 0;
    p->kernel = p->kernel ? p->kernel : cl.create_kernel(p->handle, name, &error);
    if (error != 0) {
        *why = "OpenCL does not find the kernel in the translated module";
        return false;
    }
    object buffers[MOST_ARGUMENTS] = {0};
    for (uint32_t i = 0; i < s->count && error == 0; i++) {
        if (!s->parameters[i].pointer) {
            error = cl.set_argument(p->kernel, i, arguments[i].size, arguments[i].value);
            continue;
        }
        if (arguments[i].address) {
            /* The device is this CPU: a buffer over host memory is that memory. */
            buffers[i] = cl.create_buffer(cl.context, READ_WRITE | USE_HOST_POINTER, arguments[i].bytes, arguments[i].address, &error);
        }
        error = error == 0 ? cl.set_argument(p->kernel, i, sizeof(object), buffers[i] ? &buffers[i] : NULL) : error;
    }
    size_t local[3] = {s->group[0], s->group[1], s->group[2]};
    size_t global[3] = {local[0] * groups[0], local[1] * groups[1], local[2] * groups[2]};
    error = error == 0 ? cl.run(cl.queue, p->kernel, 3, NULL, global, local, 0, NULL, NULL) : error;
    error = error == 0 ? cl.finish(cl.queue) : error;
    for (uint32_t i = 0; i < s->count; i++) {
        if (buffers[i]) {
            cl.release_buffer(buffers[i]);
        }
    }
    *why = "OpenCL does not run the kernel";
    return error == 0;
}

void program_free(program *p)
{
    if (p) {
        if (p->kernel) {
            cl.release_kernel(p->kernel);
        }
        cl.release_program(p->handle);
        free(p);
    }
}
