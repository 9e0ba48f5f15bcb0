using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// Memory that other devices and the host read and write while a kernel runs (PTX ISA, "Memory Consistency Model", scope
/// .sys). Addresses are 64 bits, since the memory of another device is no tensor of this one.
/// </summary>
[CudaInstructions]
public static class SystemMemory
{
    /// <summary>Writes a word, in no order with anything else ("st.relaxed.sys").</summary>
    [IntrinsicImplementation]
    [Ptx("st.relaxed.sys.global.u32 [#0], #1;")]
    public static void Post(ref int target, int value)
    {
    }

    /// <summary>Reads a word as it is now ("ld.relaxed.sys").</summary>
    [IntrinsicImplementation]
    [Ptx("ld.relaxed.sys.global.u32 $0, [#0];")]
    public static int Read(ref int source) => source;

    /// <summary>An address that lies in two words of a table which never changes, at a multiple of 8.</summary>
    [IntrinsicImplementation]
    [Ptx("ld.global.b64 $0, [#0];")]
    public static long Address(ref int table) => 0;

    /// <summary>
    /// Writes {first, mark} and {second, mark}, 8 bytes each, at a multiple of 16. Nobody sees half of 8 bytes: where the
    /// mark is, its number is. The parts of a vector have no order and may be seen apart.
    /// </summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 one, two; mov.b64 one, {#1, #3}; mov.b64 two, {#2, #3}; st.relaxed.sys.global.v2.b64 [#0], {one, two}; }")]
    public static void Send(long address, uint first, uint second, uint mark)
    {
    }

    /// <summary>Reads what <see cref="Send"/> writes, as it is now: number, mark, number, mark.</summary>
    [IntrinsicImplementation]
    [Ptx("{ .reg .b64 one, two; ld.relaxed.sys.global.v2.b64 {one, two}, [#0]; mov.b64 {$0, $1}, one; mov.b64 {$2, $3}, two; }")]
    public static U4 Receive(long address) => default;
}
