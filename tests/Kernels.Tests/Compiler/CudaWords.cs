using ILGPU;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>Kernels that say each CUDA instruction once; nothing runs them.</summary>
public static class CudaWords
{
    [Kernel("ampere_words", 64, groups: "T")]
    [Cuda("sm_80", SharedBytes = 1024)]
    public static void Ampere([Shape("T")] ArrayView<float> x, [Shape("T")] ArrayView<ushort> bits, [Shape("T")] ArrayView<U4> words)
    {
        uint memory = CudaShared.Base();
        int lane = Lanes.First(ILGPU.Group.IdxX);
        Prefetch.ToL2(ref x[lane], lane);
        CopyAsync.Sixteen(memory, ref bits[lane], lane);
        CopyAsync.Commit();
        CopyAsync.Wait(2);
        Accumulators.Clear4(0);
        U4 left = WarpMatrix.Load(memory), right = Streaming.Load(ref words[lane]);
        WarpMatrix.Multiply(4, left, right.X, right.Y);
        U4 turned = WarpMatrix.LoadTransposed(memory);
        Accumulators.Scale2(4, x[lane]);
        CudaShared.Store(memory, turned.X);
        CudaShared.Store2(memory, turned.Y, turned.Z);
        CudaShared.Store4(memory, CudaShared.Load4(memory + CudaShared.Load(memory)));
        x[lane] = Lanes.Xor(x[lane], 16) + Accumulators.Get(5);
    }

    [Kernel("hopper_words", 384, groups: "*")]
    [Cuda("sm_90a", SharedBytes = 1024)]
    public static void Hopper([Shape("T", "K"), Tile(128)] TensorMap<ushort> x, [Shape("T")] ArrayView<float> numbers, [Extent("T")] int rows)
    {
        uint memory = CudaShared.Base();
        long map = TensorCopy.Map(0);
        AsyncBarrier.Initialize(memory, 1);
        AsyncBarrier.FenceInitialized();
        AsyncBarrier.ArriveExpecting(memory, 1024);
        AsyncBarrier.Arrive(memory);
        AsyncBarrier.Wait(memory, 1);
        TensorCopy.Load(memory, map, rows, rows, memory);
        TensorCopy.LoadOnce(memory, map, rows, rows, memory);
        TensorCopy.LoadRunKept(memory, ref numbers[rows], rows, memory);
        WarpGroup.ReleaseRegisters(40);
        WarpGroup.TakeRegisters(232);
        WarpGroup.Fence();
        WarpGroup.Multiply256(map, map, rows);
        WarpGroup.Multiply128(map, map, rows);
        WarpGroup.Commit();
        WarpGroup.Wait(1);
        Accumulators.Store2(6, memory);
        Accumulators.StoreMatrix(8, memory);
        CudaShared.FenceForAsync();
        WarpGroup.Barrier(rows);
        TensorCopy.Store(memory, map, rows, rows);
        TensorCopy.WaitRead(0);
        DependentLaunch.Wait();
        DependentLaunch.Allow();
    }
}
