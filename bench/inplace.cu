// What bounds Gated DeltaNet's states: 134 MB (64 rows of 32 heads, 128 × 128 f32) read and written where they are, by plain loops with
// hints for L2 and by the copy engine, against a copy to elsewhere. Seven such buffers by turns, so that L2 has none of it.
//   nvcc -gencode arch=compute_90a,code=sm_90a -O3 -std=c++17 bench/inplace.cu -o inplace && ./inplace
#include <cstdint>
#include <cstdio>
#include <cuda_runtime.h>
typedef unsigned long long u64;
// Policies as createpolicy makes them.
constexpr u64 Normal = 0x1000000000000000ull, First = 0x12F0000000000000ull, Last = 0x14F0000000000000ull;
__device__ float4 load(const float4* p, u64 policy) {
    float4 v;
    asm volatile("ld.global.L2::cache_hint.v4.f32 {%0,%1,%2,%3},[%4],%5;" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p), "l"(policy) : "memory");
    return v;
}
__device__ void store(float4* p, float4 v, u64 policy) {
    asm volatile("st.global.L2::cache_hint.v4.f32 [%4],{%0,%1,%2,%3},%5;" :: "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w), "l"(p), "l"(policy) : "memory");
}
// A group has 16 KB: all of it is read, then all of it written.
__global__ void __launch_bounds__(256) loops(const float4* from, float4* to, u64 reads, u64 writes) {
    long at = blockIdx.x * 1024L + threadIdx.x;
    float4 v[4];
#pragma unroll
    for (int i = 0; i < 4; i++) v[i] = load(from + at + i * 256, reads);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 4; i++) {
        v[i].x *= 1.0001f; v[i].y *= 1.0001f; v[i].z *= 1.0001f; v[i].w *= 1.0001f;
        store(to + at + i * 256, v[i], writes);
    }
}
// A group a multiprocessor; one thread has 64 KB at a time brought to one of three stages and sent from there.
constexpr int Stages = 3, Piece = 65536;
__device__ void bring(uint32_t stage, uint32_t barrier, const char* from, u64 policy) {
    asm volatile("{ .reg .b64 s; mbarrier.arrive.expect_tx.shared::cta.b64 s,[%0],%1; }" :: "r"(barrier), "r"(Piece) : "memory");
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0],[%1],%2,[%3],%4;" :: "r"(stage), "l"(from), "r"(Piece), "r"(barrier), "l"(policy) : "memory");
}
__global__ void __launch_bounds__(32) engine(const char* from, char* to, int pieces, u64 reads, u64 writes) {
    extern __shared__ __align__(128) char memory[];
    uint32_t base = (uint32_t)__cvta_generic_to_shared(memory), barriers = base + Stages * Piece;
    if (threadIdx.x) return;
    for (int i = 0; i < Stages; i++) asm volatile("mbarrier.init.shared::cta.b64 [%0],1;" :: "r"(barriers + i * 8));
    asm volatile("fence.mbarrier_init.release.cluster; fence.proxy.async.shared::cta;");
    int count = (pieces - blockIdx.x + gridDim.x - 1) / gridDim.x;
    auto place = [&](int i) { return (blockIdx.x + (long)i * gridDim.x) * Piece; };
    for (int i = 0; i < Stages - 1 && i < count; i++) bring(base + i * Piece, barriers + i * 8, from + place(i), reads);
    for (int i = 0; i < count; i++) {
        uint32_t stage = base + i % Stages * Piece;
        asm volatile("{ .reg .pred p; A: mbarrier.try_wait.parity.shared::cta.b64 p,[%0],%1; @p bra E; bra A; E: }" :: "r"(barriers + i % Stages * 8), "r"(i / Stages & 1) : "memory");
        asm volatile("cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%0],[%1],%2,%3; cp.async.bulk.commit_group;" :: "l"(to + place(i)), "r"(stage), "r"(Piece), "l"(writes) : "memory");
        int next = i + Stages - 1;
        if (next < count) {
            asm volatile("cp.async.bulk.wait_group.read 1;" ::: "memory");
            bring(base + next % Stages * Piece, barriers + next % Stages * 8, from + place(next), reads);
        }
    }
    asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
}
int main() {
    constexpr long Bytes = 134217728;
    constexpr int Buffers = 7, Runs = 21;
    char* memory;
    cudaMalloc(&memory, Bytes * Buffers);
    cudaMemset(memory, 0, Bytes * Buffers);
    cudaFuncSetAttribute(engine, cudaFuncAttributeMaxDynamicSharedMemorySize, Stages * Piece + 64);
    cudaDeviceProp card;
    cudaGetDeviceProperties(&card, 0);
    cudaEvent_t begin, end;
    cudaEventCreate(&begin);
    cudaEventCreate(&end);
    struct { const char* name; u64 policy; } hints[] = { { "normal", Normal }, { "first", First }, { "last", Last } };
    for (int how = 0; how < 2; how++) for (int there = 1; there >= 0; there--) for (auto r : hints) for (auto w : hints) {
        if (there && (r.policy != Normal || w.policy != Normal)) continue;
        for (int run = -2; run < Runs; run++) {
            if (run == 0) cudaEventRecord(begin);
            char* from = memory + (run + 2) % Buffers * Bytes, *to = memory + (run + 2 + 3 * there) % Buffers * Bytes;
            if (how == 0) loops<<<Bytes / 16384, 256>>>((float4*)from, (float4*)to, r.policy, w.policy);
            else engine<<<card.multiProcessorCount, 32, Stages * Piece + 64>>>(from, to, Bytes / Piece, r.policy, w.policy);
        }
        cudaEventRecord(end);
        cudaEventSynchronize(end);
        float ms;
        cudaEventElapsedTime(&ms, begin, end);
        printf("%-12s %-13s reads %-6s writes %-6s %6.1f us %5.0f GB/s\n", how ? "copy engine" : "loops", there ? "to elsewhere" : "in place", r.name, w.name, ms * 1e3 / Runs, 2.0 * Bytes * Runs / ms / 1e6);
    }
    return cudaGetLastError() != cudaSuccess;
}
