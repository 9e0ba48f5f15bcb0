using System.Reflection;
using System.Text;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace Lean.Kernels.Compiler;

/// <summary>Compiles all kernels of an assembly for all targets.</summary>
internal static class KernelBuild
{
    // What branches a text has depends on what was compiled before it: variants come last, so that they change no other's.
    private const string Variant = "_rounded";

    /// <summary>The NVIDIA architectures; a newer card runs the newest below it.</summary>
    private static readonly (string Name, CudaArchitecture Architecture)[] Architectures =
        [("sm_80", CudaArchitecture.SM_80), ("sm_90", CudaArchitecture.SM_90), (HopperAlone, CudaArchitecture.SM_90)];

    /// <summary>Hopper with the instructions that no other card has, newer ones included: only for kernels that ask for it.</summary>
    public const string HopperAlone = "sm_90a";

    /// <summary>Whether PTX is made for an architecture of that name.</summary>
    public static bool IsArchitecture(string name) => Architectures.Any(a => a.Name == name);

    /// <summary>Makes the context that kernels are compiled in.</summary>
    public static Context CreateContext(Assembly assembly) => Context.Create(builder =>
    {
        Intrinsics.Register(builder, assembly);
        builder.Optimize(OptimizationLevel.O1).EnableAlgorithms().Math(MathMode.Fast32BitOnly).Inlining(InliningMode.Aggressive);
    });

    /// <summary>Compiles and writes kernels.json and an archive per target.</summary>
    /// <param name="assembly">Kernels/Device.</param>
    /// <param name="folder">Where the files go.</param>
    /// <param name="say">Takes lines for the build's log.</param>
    /// <exception cref="BuildException">A kernel breaks a rule.</exception>
    public static void Run(Assembly assembly, OutputFolder folder, Action<string> say)
    {
        IReadOnlyList<KernelDeclaration> kernels = KernelDeclaration.In(assembly);
        using Context context = CreateContext(assembly);
        var targets = new Dictionary<string, IReadOnlyDictionary<string, CompiledText>>();
        using (var openCL = new OpenCLTarget(context))
        {
            targets.Add("opencl", Compile("opencl", kernels, k => openCL.Compile(k)));
        }

        var cuda = new Dictionary<string, SortedDictionary<string, CompiledText>>();
        foreach ((string name, CudaArchitecture architecture) in Architectures.Where(static a => a.Name != AmpereText.Target))
        {
            using var ptx = new PtxTarget(context, name, architecture);
            cuda.Add(name, Compile(name, kernels, ptx.Compile));
        }

        targets.Add(AmpereText.Target, Compile(AmpereText.Target, kernels, kernel => Ampere(cuda[AmpereText.Source][kernel.Name])));
        foreach ((string name, SortedDictionary<string, CompiledText> compiled) in cuda)
        {
            targets.Add(name, compiled);
        }

        foreach ((string target, IReadOnlyDictionary<string, CompiledText> compiled) in targets.Where(static t => t.Key != AmpereText.Target))
        {
            string extension = target == "opencl" ? ".cl" : ".ptx";
            folder.WriteArchive($"{target}.zip", compiled.Values.Select(c => (c.Kernel.Name + extension, Encoding.UTF8.GetBytes(c.Text))));
        }

        TranslateToSpirv(targets, folder, say);
        folder.Write("kernels.json", Manifest.Write(kernels, targets));
        say($"{kernels.Count} kernels for {string.Join(", ", targets.Keys)}");
    }

    // What the binary makes of Hopper's text when a card asks for it.
    private static CompiledText Ampere(CompiledText hopper)
    {
        var compiled = new CompiledText(hopper.Kernel, AmpereText.Of(hopper.Text));
        Gates.CheckPtx(hopper.Kernel, AmpereText.Target, compiled.Text);
        return compiled;
    }

    private static void TranslateToSpirv(Dictionary<string, IReadOnlyDictionary<string, CompiledText>> targets, OutputFolder folder, Action<string> say)
    {
        IReadOnlyDictionary<string, CompiledText> sources = targets["opencl"];
        var modules = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        if (SpirvTools.Find() is { } tools)
        {
            foreach ((string name, byte[] module) in tools.Translate(sources.Values, folder))
            {
                modules.Add(name, module);
            }

            targets.Add("spirv", sources);
        }
        else
        {
            say("no SPIR-V for Level Zero: clang and llvm-spirv of one version are not both on the PATH");
        }

        folder.WriteArchive("spirv.zip", modules.Select(m => (m.Key + ".spv", m.Value)));
    }

    private static SortedDictionary<string, CompiledText> Compile(
        string target, IReadOnlyList<KernelDeclaration> kernels, Func<KernelDeclaration, CompiledText> compile)
    {
        var compiled = new SortedDictionary<string, CompiledText>(StringComparer.Ordinal);
        foreach (KernelDeclaration kernel in kernels.Where(k => k.Has(target)).OrderBy(k => k.Name.EndsWith(Variant, StringComparison.Ordinal)))
        {
            try
            {
                compiled.Add(kernel.Name, compile(kernel));
            }
            catch (InternalCompilerException fault)
            {
                Exception cause = fault.GetBaseException();
                throw new BuildException(kernel.Attribute, kernel.Name, cause.Message.ReplaceLineEndings(" "));
            }
        }

        return compiled;
    }
}
