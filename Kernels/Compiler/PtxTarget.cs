using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace Lean.Kernels.Compiler;

/// <summary>PTX for one architecture.</summary>
internal sealed partial class PtxTarget : IDisposable
{
    private readonly PTXBackend _plain;
    private readonly PTXBackend _unrolled;

    /// <param name="context">ILGPU with the intrinsics.</param>
    /// <param name="name">What the driver calls the architecture: sm_80, sm_90.</param>
    /// <param name="architecture">What ILGPU calls it.</param>
    public PtxTarget(Context context, string name, CudaArchitecture architecture)
    {
        Name = name;
        _plain = Make(context, architecture, unroll: false);
        _unrolled = Make(context, architecture, unroll: true);
    }

    /// <summary>The architecture.</summary>
    public string Name { get; }

    /// <summary>Compiles a kernel.</summary>
    /// <exception cref="BuildException">The output breaks a rule.</exception>
    public CompiledText Compile(KernelDeclaration kernel)
    {
        var compiled = (PTXCompiledKernel)(kernel.Attribute.Unroll ? _unrolled : _plain).Compile(
            EntryPointDescription.FromExplicitlyGroupedKernel(kernel.Method),
            new KernelSpecialization(kernel.Attribute.Threads, kernel.GroupsTogether));
        string text = Finish(compiled.PTXAssembly, compiled.Name, kernel.Name, Name);
        text = DependentLaunches.Apply(Name, kernel.Cuda is null ? text : CudaText.Complete(kernel, Name, text));
        Gates.CheckPtx(kernel, Name, text);
        return new CompiledText(kernel, text);
    }

    public void Dispose()
    {
        _plain.Dispose();
        _unrolled.Dispose();
    }

    /// <summary>The real target (ILGPU stops at sm_80), the kernel's own name, no stubs of intrinsics.</summary>
    internal static string Finish(string ptx, string entry, string name, string target)
    {
        ptx = Target().Replace(ptx, $".target {target}", 1);
        ptx = Stub().Replace(ptx, "");
        return SymbolNumbers.Renumber(Regex.Replace(ptx, $@"\b{Regex.Escape(entry)}\b", name));
    }

    private static PTXBackend Make(Context context, CudaArchitecture architecture, bool unroll)
    {
        var backend = new PTXBackend(context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        PassPipeline.Install(backend, unroll);
        return backend;
    }

    [GeneratedRegex(@"\.target \w+")]
    private static partial Regex Target();

    // A method that became an instruction leaves an empty function that nothing calls; a call is refused by the gates.
    [GeneratedRegex(@"^\.visible \.func .*?^\}\s*", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Stub();
}
