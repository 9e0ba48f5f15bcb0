using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>Values that the lanes of a whole warp exchange (PTX ISA, "shfl.sync").</summary>
[CudaInstructions]
public static class Lanes
{
    /// <summary>The value of lane (own number ^ <paramref name="mask"/>).</summary>
    /// <param name="value">What the lane gives.</param>
    /// <param name="mask">A constant.</param>
    [IntrinsicImplementation]
    [Ptx("shfl.sync.bfly.b32 $0, #0, @1, 31, 0xffffffff;")]
    public static float Xor(float value, int mask) => value;

    /// <summary>Lane 0's value: tells the assembler that all lanes agree.</summary>
    [IntrinsicImplementation]
    [Ptx("shfl.sync.idx.b32 $0, #0, 0, 31, 0xffffffff;")]
    public static int First(int value) => value;

    /// <summary>The value of a lane.</summary>
    [IntrinsicImplementation]
    [Ptx("shfl.sync.idx.b32 $0, #0, #1, 31, 0xffffffff;")]
    public static float From(float value, int lane) => value;

    /// <summary>The largest of all lanes' values (PTX ISA, "redux.sync").</summary>
    [IntrinsicImplementation]
    [Ptx("redux.sync.max.u32 $0, #0, 0xffffffff;")]
    public static uint Maximum(uint value) => value;

    /// <summary>The smallest of all lanes' values.</summary>
    [IntrinsicImplementation]
    [Ptx("redux.sync.min.u32 $0, #0, 0xffffffff;")]
    public static uint Minimum(uint value) => value;

    /// <summary>The sum of all lanes' values.</summary>
    [IntrinsicImplementation]
    [Ptx("redux.sync.add.s32 $0, #0, 0xffffffff;")]
    public static int Sum(int value) => value;

    /// <summary>The lanes whose condition is not 0, one bit each (PTX ISA, "vote.sync").</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .pred given; setp.ne.s32 given, #0, 0; vote.sync.ballot.b32 $0, given, 0xffffffff; }")]
    public static uint Ballot(int condition) => (uint)condition;

    /// <summary>How many bits are set (PTX ISA, "popc").</summary>
    [IntrinsicImplementation]
    [Ptx("popc.b32 $0, #0;")]
    public static int Count(uint lanes) => (int)lanes;

    /// <summary>Waits for the warp's lanes, and orders their accesses to memory (PTX ISA, "bar.warp.sync").</summary>
    [IntrinsicImplementation]
    [Ptx("bar.warp.sync 0xffffffff;")]
    public static void Together()
    {
    }
}
