using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace Lean.Kernels.Compiler;

/// <summary>OpenCL C that needs no optional feature of a device.</summary>
internal sealed partial class OpenCLTarget : IDisposable
{
    private readonly CLBackend _plain;
    private readonly CLBackend _unrolled;

    /// <param name="context">ILGPU with the intrinsics.</param>
    public OpenCLTarget(Context context)
    {
        _plain = Make(context, unroll: false);
        _unrolled = Make(context, unroll: true);
    }

    /// <summary>Compiles a kernel.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="unroll">Overrules the kernel's own choice: tests compare both forms.</param>
    /// <exception cref="BuildException">The output breaks a rule.</exception>
    public CompiledText Compile(KernelDeclaration kernel, bool? unroll = null)
    {
        var compiled = (CLCompiledKernel)(unroll ?? kernel.Attribute.Unroll ? _unrolled : _plain).Compile(
            EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method), new KernelSpecialization(kernel.Attribute.Threads, null));
        string text = Finish(compiled.Source, compiled.Name, kernel.Name, kernel.Attribute.Threads);
        Gates.CheckOpenCL(kernel, text);
        return new CompiledText(kernel, text);
    }

    public void Dispose()
    {
        _plain.Dispose();
        _unrolled.Dispose();
    }

    /// <summary>
    /// Barriers that also order shared memory (ILGPU names global memory alone), the kernel's own name and its group
    /// size, no doubles, and no contraction of a·b + c, so that a multiply-add is fused exactly where the kernel says so.
    /// </summary>
    internal static string Finish(string source, string entry, string name, int threads)
    {
        // OpenCL 1.2 names it barrier; PoCL knows the newer name only in programs of a newer language.
        source = Barrier().Replace(source, "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");
        source = source.Replace("#pragma OPENCL EXTENSION cl_khr_fp64 : enable", "", StringComparison.Ordinal);
        source = source.Replace($"kernel void {entry}(", $"kernel __attribute__((reqd_work_group_size({threads}, 1, 1))) void {name}(", StringComparison.Ordinal);
        return "#pragma OPENCL FP_CONTRACT OFF\n" + SymbolNumbers.Renumber(source);
    }

    private static CLBackend Make(Context context, bool unroll)
    {
        // No half, double, generic address space, 64-bit atomics or subgroups: not every device has them.
        var backend = new CLBackend(context, new CLCapabilityContext(false, false, false, false, false), CLDeviceVendor.Other, CLCVersion.CL20);
        PassPipeline.Install(backend, unroll);
        return backend;
    }

    [GeneratedRegex(@"\b(work_group_)?barrier\s*\(\s*CLK_GLOBAL_MEM_FENCE\s*\)")]
    private static partial Regex Barrier();
}
