/*
 * Queues of SYCL on what Level Zero has, for oneCCL, which takes nothing else for a stream. A library of its own, built only
 * where DPC++ is found, so that the program needs no SYCL where oneCCL works in host memory. Untested: no such device was at hand.
 */
#include <exception>
#include <cstdio>
#include <level_zero/ze_api.h>
#include <sycl/sycl.hpp>
#include <sycl/ext/oneapi/backend/level_zero.hpp>

namespace {
constexpr auto level_zero = sycl::backend::ext_oneapi_level_zero;
constexpr auto keep = sycl::ext::oneapi::level_zero::ownership::keep;
}

/* context, device, list: ze_context_handle_t, ze_device_handle_t, and an immediate, in-order ze_command_list_handle_t, all of which stay the caller's. */
extern "C" __attribute__((visibility("default"))) int lean_sycl_queue(void *context, void *device, void *list, void **queue, char *error, size_t capacity) {
    try {
        sycl::device on = sycl::make_device<level_zero>(static_cast<ze_device_handle_t>(device));
        sycl::context in = sycl::make_context<level_zero>({static_cast<ze_context_handle_t>(context), {on}, keep});
        *queue = new sycl::queue(sycl::make_queue<level_zero>(
            {static_cast<ze_command_list_handle_t>(list), on, keep, sycl::property_list{sycl::property::queue::in_order()}}, in));
        return 0;
    } catch (const std::exception &fault) {
        std::snprintf(error, capacity, "%s", fault.what());
        return 1;
    }
}

extern "C" __attribute__((visibility("default"))) void lean_sycl_release(void *queue) { delete static_cast<sycl::queue *>(queue); }
