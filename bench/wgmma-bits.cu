// Does wgmma m64nNk16 (bf16, f32 sums) give the bits of mma.sync m16n8k16, chained over k from any start? Build: nvcc -O2 -gencode arch=compute_90a,code=sm_90a
#include <cstdio>
#include <cstdint>
#include <cstring>
#include <cstdlib>
#include <cmath>
#include <vector>
#include <cuda_runtime.h>
constexpr int M = 64, N = 64, K = 256;
__device__ uint64_t desc(uint32_t a, uint32_t lbo, uint32_t sbo) {
    return (uint64_t)((a & 0x3FFFF) >> 4) | ((uint64_t)(lbo >> 4) << 16) | ((uint64_t)(sbo >> 4) << 32);
}
__global__ void with_mma(const uint16_t* a, const uint16_t* b, const float* c, float* out) {
    a += (size_t)blockIdx.x * M * K; b += (size_t)blockIdx.x * N * K; c += (size_t)blockIdx.x * M * N; out += (size_t)blockIdx.x * M * N;
    int w = threadIdx.x / 32, l = threadIdx.x % 32, g = l / 4, t = l % 4;
    for (int n = 0; n < N; n += 8) {
        int r = 16 * w + g, col = n + 2 * t;
        float d0 = c[r * N + col], d1 = c[r * N + col + 1], d2 = c[(r + 8) * N + col], d3 = c[(r + 8) * N + col + 1];
        for (int k = 0; k < K; k += 16) {
            uint32_t a0 = *(const uint32_t*)&a[r * K + k + 2 * t], a1 = *(const uint32_t*)&a[(r + 8) * K + k + 2 * t];
            uint32_t a2 = *(const uint32_t*)&a[r * K + k + 8 + 2 * t], a3 = *(const uint32_t*)&a[(r + 8) * K + k + 8 + 2 * t];
            uint32_t b0 = *(const uint32_t*)&b[(n + g) * K + k + 2 * t], b1 = *(const uint32_t*)&b[(n + g) * K + k + 8 + 2 * t];
            asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
        }
        out[r * N + col] = d0; out[r * N + col + 1] = d1; out[(r + 8) * N + col] = d2; out[(r + 8) * N + col + 1] = d3;
    }
}
// The same with the roles of the operands changed: rows of b as the sixteen.
__global__ void with_mma_turned(const uint16_t* a, const uint16_t* b, const float* c, float* out) {
    a += (size_t)blockIdx.x * M * K; b += (size_t)blockIdx.x * N * K; c += (size_t)blockIdx.x * M * N; out += (size_t)blockIdx.x * M * N;
    int w = threadIdx.x / 32, l = threadIdx.x % 32, g = l / 4, t = l % 4;
    for (int m = 0; m < M; m += 8) {
        int r = 16 * w + g, col = m + 2 * t;
        float d0 = c[col * N + r], d1 = c[(col + 1) * N + r], d2 = c[col * N + r + 8], d3 = c[(col + 1) * N + r + 8];
        for (int k = 0; k < K; k += 16) {
            uint32_t a0 = *(const uint32_t*)&b[r * K + k + 2 * t], a1 = *(const uint32_t*)&b[(r + 8) * K + k + 2 * t];
            uint32_t a2 = *(const uint32_t*)&b[r * K + k + 8 + 2 * t], a3 = *(const uint32_t*)&b[(r + 8) * K + k + 8 + 2 * t];
            uint32_t b0 = *(const uint32_t*)&a[(m + g) * K + k + 2 * t], b1 = *(const uint32_t*)&a[(m + g) * K + k + 8 + 2 * t];
            asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3) : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
        }
        out[col * N + r] = d0; out[(col + 1) * N + r] = d1; out[col * N + r + 8] = d2; out[(col + 1) * N + r + 8] = d3;
    }
}
template <int WIDE> __global__ void with_wgmma(const uint16_t* a, const uint16_t* b, const float* c, float* out) {
    __shared__ alignas(128) uint16_t sa[M * 16], sb[N * 16];
    a += (size_t)blockIdx.x * M * K; b += (size_t)blockIdx.x * N * K; c += (size_t)blockIdx.x * M * N; out += (size_t)blockIdx.x * M * N;
    int w = threadIdx.x / 32, l = threadIdx.x % 32, g = l / 4, t = l % 4, r = 16 * w + g;
    float d[8][4];
    for (int n = 0; n < 8; n++) for (int i = 0; i < 4; i++) d[n][i] = c[(r + (i / 2) * 8) * N + n * 8 + 2 * t + (i & 1)];
    for (int k = 0; k < K; k += 16) {
        __syncthreads();
        for (int i = threadIdx.x; i < M * 16; i += blockDim.x) {
            int row = i / 16, kk = i % 16, at = ((row / 8) * 2 + kk / 8) * 64 + (row % 8) * 8 + kk % 8;
            sa[at] = a[row * K + k + kk]; sb[at] = b[row * K + k + kk];
        }
        asm volatile("fence.proxy.async;" ::: "memory");
        __syncthreads();
        uint32_t pa = (uint32_t)__cvta_generic_to_shared(sa), pb = (uint32_t)__cvta_generic_to_shared(sb);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
        if (WIDE) {
            uint64_t da = desc(pa, 128, 256), db = desc(pb, 128, 256);
            asm volatile("{wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31},%32,%33,1,1,1,0,0;}"
                : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]), "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]),
                  "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]), "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]),
                  "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]), "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
                  "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]), "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]) : "l"(da), "l"(db));
        } else {
            for (int n = 0; n < 8; n++) {
                uint64_t da = desc(pa, 128, 256), db = desc(pb + n * 256, 128, 256);
                asm volatile("{wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0,%1,%2,%3},%4,%5,1,1,1,0,0;}"
                    : "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3]) : "l"(da), "l"(db));
            }
        }
        asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;" ::: "memory");
    }
    for (int n = 0; n < 8; n++) for (int i = 0; i < 4; i++) out[(r + (i / 2) * 8) * N + n * 8 + 2 * t + (i & 1)] = d[n][i];
}
static uint16_t bf(float f) { uint32_t u; memcpy(&u, &f, 4); u += 0x7FFF + ((u >> 16) & 1); return u >> 16; }
static uint64_t s = 88172645463325252ull;
static uint64_t rnd() { s ^= s << 13; s ^= s >> 7; s ^= s << 17; return s; }
static float uni() { return (float)((rnd() >> 40) / 16777216.0 * 2 - 1); }
int main() {
    const int B = 2000;
    std::vector<uint16_t> a(B * M * K), b(B * N * K); std::vector<float> c(B * M * N), r[4];
    for (int spread = 0; spread <= 40; spread += 8) {
        for (auto& v : a) v = bf(ldexpf(uni(), spread ? (int)(rnd() % spread) - spread / 2 : 0));
        for (auto& v : b) v = bf(ldexpf(uni(), spread ? (int)(rnd() % spread) - spread / 2 : 0));
        for (auto& v : c) v = spread % 16 ? 0 : ldexpf(uni(), spread ? (int)(rnd() % spread) - spread / 2 : 0);
        uint16_t *da, *db; float *dc, *dout;
        cudaMalloc(&da, a.size() * 2); cudaMalloc(&db, b.size() * 2); cudaMalloc(&dc, c.size() * 4); cudaMalloc(&dout, c.size() * 4);
        cudaMemcpy(da, a.data(), a.size() * 2, cudaMemcpyHostToDevice); cudaMemcpy(db, b.data(), b.size() * 2, cudaMemcpyHostToDevice);
        cudaMemcpy(dc, c.data(), c.size() * 4, cudaMemcpyHostToDevice);
        for (int v = 0; v < 4; v++) {
            cudaMemset(dout, 0xFF, c.size() * 4);
            if (v == 0) with_mma<<<B, 128>>>(da, db, dc, dout);
            if (v == 1) with_wgmma<0><<<B, 128>>>(da, db, dc, dout);
            if (v == 2) with_wgmma<1><<<B, 128>>>(da, db, dc, dout);
            if (v == 3) with_mma_turned<<<B, 128>>>(da, db, dc, dout);
            cudaError_t e = cudaDeviceSynchronize(); if (e) { printf("%d: %s\n", v, cudaGetErrorString(e)); return 1; }
            r[v].resize(c.size()); cudaMemcpy(r[v].data(), dout, c.size() * 4, cudaMemcpyDeviceToHost);
        }
        for (int v = 1; v < 4; v++) {
            size_t differ = 0; double worst = 0;
            for (size_t i = 0; i < c.size(); i++) if (memcmp(&r[0][i], &r[v][i], 4)) { differ++; worst = fmax(worst, fabs(r[0][i] - r[v][i]) / fabs(r[0][i])); }
            printf("spread 2^%d: %s %zu of %zu differ, worst %.3g\n", spread, v == 1 ? "wgmma n8" : v == 2 ? "wgmma n64" : "mma turned", differ, c.size(), worst);
        }
        // Against the exact sum: how the order of k matters, to see that the inputs tell orders apart at all.
        size_t inexact = 0;
        for (int i = 0; i < 4096; i++) { double x = c[i]; for (int k = 0; k < K; k++) { uint32_t ua = (uint32_t)a[(i / N) * K + k] << 16, ub = (uint32_t)b[(i % N) * K + k] << 16; float fa, fb; memcpy(&fa, &ua, 4); memcpy(&fb, &ub, 4); x += (double)fa * fb; } inexact += (float)x != r[0][i]; }
        printf("   of 4096 sums %zu are not the exact one rounded\n", inexact);
        cudaFree(da); cudaFree(db); cudaFree(dc); cudaFree(dout);
    }
}
