using System.Runtime.InteropServices;
#if AVX512
using Lanes = Lean.Kernels.Vec512;
#else
using Lanes = Lean.Kernels.Vec256x2;
#endif

namespace Lean.Kernels;

/// <summary>What a kernel library exports.</summary>
internal static unsafe class KernelExports
{
    /// <summary>The version of the argument structs this library was built with.</summary>
    [UnmanagedCallersOnly(EntryPoint = "lean_kernels_abi")]
    public static int Abi() => KernelLibrary.AbiVersion;

    /// <summary>Which set it is: bits of a register.</summary>
    [UnmanagedCallersOnly(EntryPoint = "lean_kernels_set")]
#if AVX512
    public static int Set() => 512;
#else
    public static int Set() => 256;
#endif

    /// <summary>Runs items of a kernel. Bodies touch only the memory their arguments name; an unknown number ends the process.</summary>
    [UnmanagedCallersOnly(EntryPoint = "lean_kernels_run")]
    public static void Run(int kernel, void* arguments, int begin, int end) =>
        CpuDispatch<Lanes>.Run((CpuKernel)kernel, arguments, begin, end);
}
