// One decode step of Qwen3.5-35B-A3B as a chain of matrix-vector products of its sizes (bf16 weights, 241 phases, 6.19 GB):
// launches in one CUDA graph with programmatic dependent launch, against one persistent kernel whose groups meet between phases.
// The same loop multiplies in both; both ask for their first weights before they wait.
#include <cstdio>
#include <cstdint>
#include <vector>
#include <algorithm>
#include <cuda_runtime.h>
struct Phase { size_t at; int rows, k; };
#define OK(e) do { cudaError_t r_ = (e); if (r_) { printf("%s: %s\n", #e, cudaGetErrorString(r_)); return 1; } } while (0)
__global__ void fill(uint4* w, size_t n) {
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
        uint64_t s = i * 0x9E3779B97F4A7C15ull; s ^= s >> 29; s *= 0xBF58476D1CE4E5B9ull; s ^= s >> 32;
        uint32_t a = (uint32_t)s, b = (uint32_t)(s >> 32);
        // bf16 of ±(1 … 2)·2^-6, random signs and mantissas.
        auto f = [](uint32_t v) { return (v & 0x807F807F) | 0x3C803C80; };
        w[i] = make_uint4(f(a), f(b), f(a * 31), f(b * 17));
    }
}
__device__ __forceinline__ uint4 load(const uint4* p) { uint4 v; asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3},[%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p)); return v; }
__device__ __forceinline__ float dot(uint4 w, const float* x, float s) {
    const uint32_t* u = &w.x;
#pragma unroll
    for (int i = 0; i < 4; i++) { s = fmaf(__uint_as_float(u[i] << 16), x[2 * i], s); s = fmaf(__uint_as_float(u[i] & 0xFFFF0000u), x[2 * i + 1], s); }
    return s;
}
constexpr int Ahead = 8; // 16 bytes a lane each: 4 KB a warp on their way
// A warp's rows of a phase; `first` holds the first pieces of its first row.
__device__ __forceinline__ void multiply(const Phase& p, const uint4* w, const float* x, float* y, uint4* first, int warp, int warps, int lane) {
    int pieces = p.k / 256; // of a row
    for (int row = warp; row < p.rows; row += warps) {
        const uint4* r = w + p.at + (size_t)row * (p.k / 8) + lane;
        float s = 0;
        for (int b = 0; b < pieces; b += Ahead) {
            uint4 v[Ahead];
            bool given = row == warp && b == 0;
#pragma unroll
            for (int i = 0; i < Ahead; i++) v[i] = given ? first[i] : b + i < pieces ? load(r + (b + i) * 32) : make_uint4(0, 0, 0, 0);
#pragma unroll
            for (int i = 0; i < Ahead; i++) if (b + i < pieces) s = dot(v[i], x + ((b + i) * 32 + lane) * 8, s);
        }
#pragma unroll
        for (int d = 16; d; d >>= 1) s += __shfl_xor_sync(~0u, s, d);
        if (lane == 0) y[row] = s * 0.02f;
    }
}
__device__ __forceinline__ void begin(const Phase& p, const uint4* w, uint4* first, int warp, int lane) {
    int pieces = p.k / 256;
#pragma unroll
    for (int i = 0; i < Ahead; i++) first[i] = warp < p.rows && i < pieces ? load(w + p.at + (size_t)warp * (p.k / 8) + i * 32 + lane) : make_uint4(0, 0, 0, 0);
}
__device__ __forceinline__ void bring(float* s, const float* x, int k) { for (int i = threadIdx.x * 4; i < k; i += blockDim.x * 4) { float4 v = __ldcg((const float4*)(x + i)); *(float4*)(s + i) = v; } __syncthreads(); }
__global__ void __launch_bounds__(256) one(Phase p, const uint4* w, const float* x, float* y) {
    extern __shared__ float s[];
    asm volatile("griddepcontrol.launch_dependents;");
    int lane = threadIdx.x % 32, warp = blockIdx.x * 8 + threadIdx.x / 32, warps = gridDim.x * 8;
    uint4 first[Ahead]; begin(p, w, first, warp, lane);
    asm volatile("griddepcontrol.wait;" ::: "memory");
    bring(s, x, p.k);
    multiply(p, w, s, y, first, warp, warps, lane);
}
template <int T> __global__ void __launch_bounds__(T) all(const Phase* phases, int count, const uint4* w, float* a, float* b, unsigned* met) {
    extern __shared__ float s[];
    int lane = threadIdx.x % 32, warps = gridDim.x * (T / 32), warp = (threadIdx.x / 32) * gridDim.x + blockIdx.x;
    uint4 first[Ahead]; Phase p = phases[0]; begin(p, w, first, warp, lane);
    for (int i = 0; i < count; i++) {
        bring(s, i % 2 ? b : a, p.k);
        multiply(p, w, s, i % 2 ? a : b, first, warp, warps, lane);
        if (i + 1 == count) break;
        p = phases[i + 1];
        begin(p, w, first, warp, lane);
        __syncthreads();
        if (threadIdx.x == 0) {
            asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(met + i) : "memory");
            unsigned v; do { asm volatile("ld.acquire.gpu.global.u32 %0,[%1];" : "=r"(v) : "l"(met + i) : "memory"); } while (v < gridDim.x);
        }
        __syncthreads();
    }
}
__global__ void __launch_bounds__(256) meet(unsigned* met, int count) {
    for (int i = 0; i < count; i++) { __syncthreads(); if (threadIdx.x == 0) { asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(met + i) : "memory"); unsigned v; do { asm volatile("ld.acquire.gpu.global.u32 %0,[%1];" : "=r"(v) : "l"(met + i) : "memory"); } while (v < gridDim.x); } __syncthreads(); }
}
int main() {
    std::vector<Phase> ph; size_t at = 0;
    auto add = [&](int rows, int k) { ph.push_back({at, rows, k}); at += (size_t)rows * k / 8; };
    for (int l = 0; l < 40; l++) { add(12352, 2048); add(2048, 1024); add(2048, 4096); add(1281, 2048); add(8192, 2048); add(2048, 4608); }
    add(248320, 2048);
    printf("%zu phases, %.3f GB\n", ph.size(), at * 16e-9);
    uint4* w; float *a, *b; unsigned* met; Phase* dp;
    OK(cudaMalloc(&w, at * 16)); OK(cudaMalloc(&a, 1 << 20)); OK(cudaMalloc(&b, 1 << 20)); OK(cudaMalloc(&met, 4096)); OK(cudaMalloc(&dp, ph.size() * sizeof(Phase)));
    OK(cudaMemcpy(dp, ph.data(), ph.size() * sizeof(Phase), cudaMemcpyHostToDevice));
    fill<<<2048, 256>>>(w, at); std::vector<float> x(1 << 18, 0.5f);
    cudaStream_t q; OK(cudaStreamCreate(&q)); cudaEvent_t e0, e1; OK(cudaEventCreate(&e0)); OK(cudaEventCreate(&e1));
    auto reset = [&] { cudaMemcpy(a, x.data(), 1 << 20, cudaMemcpyHostToDevice); cudaMemcpy(b, x.data(), 1 << 20, cudaMemcpyHostToDevice); };
    std::vector<float> out1(248320), out2(248320);
    auto median = [&](auto f) { std::vector<float> t; for (int i = 0; i < 25; i++) { cudaMemsetAsync(met, 0, 4096, q); cudaEventRecord(e0, q); f(); cudaEventRecord(e1, q); cudaEventSynchronize(e1); float ms; cudaEventElapsedTime(&ms, e0, e1); t.push_back(ms); } std::sort(t.begin(), t.end()); return t[12]; };
    for (int per : {2, 4, 8}) for (int pdl = 0; pdl < 2; pdl++) {
        cudaGraph_t g; cudaGraphExec_t x2;
        OK(cudaStreamBeginCapture(q, cudaStreamCaptureModeThreadLocal));
        for (size_t i = 0; i < ph.size(); i++) {
            cudaLaunchAttribute at1{}; at1.id = cudaLaunchAttributeProgrammaticStreamSerialization; at1.val.programmaticStreamSerializationAllowed = 1;
            cudaLaunchConfig_t c{}; c.gridDim = std::min((ph[i].rows + 7) / 8, 132 * per); c.blockDim = 256; c.dynamicSmemBytes = ph[i].k * 4; c.stream = q; c.attrs = &at1; c.numAttrs = pdl;
            OK(cudaLaunchKernelEx(&c, one, ph[i], (const uint4*)w, (const float*)(i % 2 ? b : a), i % 2 ? a : b));
        }
        OK(cudaStreamEndCapture(q, &g)); OK(cudaGraphInstantiate(&x2, g, 0));
        reset(); cudaGraphLaunch(x2, q); OK(cudaStreamSynchronize(q)); cudaMemcpy(out1.data(), b, out1.size() * 4, cudaMemcpyDeviceToHost);
        float ms = median([&] { cudaGraphLaunch(x2, q); });
        printf("graph%s, at most %d groups of 256 an SM: %.3f ms, %.0f steps/s, %.2f TB/s\n", pdl ? " with dependent launch" : "", per, ms, 1000 / ms, at * 16e-9 / ms);
    }
    auto persistent = [&](auto kernel, int threads, int per) {
        void* args[] = {&dp, nullptr, &w, &a, &b, &met}; int n = (int)ph.size(); args[1] = &n;
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 4608 * 4);
        reset(); cudaMemset(met, 0, 4096); cudaError_t r = cudaLaunchCooperativeKernel((const void*)kernel, dim3(132 * per), dim3(threads), args, 4608 * 4, q);
        if (!r) r = cudaStreamSynchronize(q); if (r) { printf("persistent %d × %d: %s\n", per, threads, cudaGetErrorString(r)); cudaGetLastError(); return; }
        cudaMemcpy(out2.data(), b, out2.size() * 4, cudaMemcpyDeviceToHost);
        size_t differ = 0; for (size_t i = 0; i < out1.size(); i++) differ += out1[i] != out2[i];
        float ms = median([&] { cudaLaunchCooperativeKernel((const void*)kernel, dim3(132 * per), dim3(threads), args, 4608 * 4, q); });
        printf("persistent, %d groups of %d an SM: %.3f ms, %.0f steps/s, %.2f TB/s; %zu outputs differ\n", per, threads, ms, 1000 / ms, at * 16e-9 / ms, differ);
    };
    persistent(all<256>, 256, 2); persistent(all<256>, 256, 4); persistent(all<512>, 512, 1); persistent(all<512>, 512, 2); persistent(all<1024>, 1024, 1);
    for (int per : {1, 2, 4}) { float ms = median([&] { meet<<<132 * per, 256, 0, q>>>(met, 240); }); printf("240 meetings of %d groups an SM: %.3f ms, %.2f µs each\n", per, ms, ms * 1000 / 240); }
}
