using System.Collections.Concurrent;
using System.Diagnostics;

namespace Lean.Kernels.Compiler;

/// <summary>
/// OpenCL C to SPIR-V through clang and llvm-spirv, where a matching pair is installed. At -O0, but without clang's mark
/// that forbids optimising later: with its own optimiser, clang writes modules that spirv-val refuses.
/// </summary>
internal sealed class SpirvTools
{
    // What Level Zero devices take at least; Kernels/LevelZero refuses those that take less.
    private const string MostSpirv = "1.2";

    private static readonly string[] Versions = ["-14", "-15", "-16", "-17", "-18", "-19", "-20", ""];

    private readonly string _clang;
    private readonly string _translator;
    private readonly string? _validator;

    private SpirvTools(string clang, string translator, string? validator) => (_clang, _translator, _validator) = (clang, translator, validator);

    /// <summary>Finds the tools on the PATH; null where there is no matching pair.</summary>
    public static SpirvTools? Find() => Versions
        .Where(v => OnPath("clang" + v) is not null && OnPath("llvm-spirv" + v) is not null)
        .Select(v => new SpirvTools(OnPath("clang" + v)!, OnPath("llvm-spirv" + v)!, OnPath("spirv-val")))
        .FirstOrDefault();

    /// <summary>Translates kernels, those that were translated before from the folder's cache.</summary>
    /// <exception cref="BuildException">A tool failed, or refused a module.</exception>
    public IReadOnlyDictionary<string, byte[]> Translate(IEnumerable<CompiledText> sources, OutputFolder folder)
    {
        Directory.CreateDirectory(folder.Path("spirv"));
        var modules = new ConcurrentDictionary<string, byte[]>();
        try
        {
            Parallel.ForEach(sources, source =>
            {
                string module = folder.Path("spirv", $"{source.Kernel.Name}-{source.Hash}-{MostSpirv}.spv");
                if (!File.Exists(module))
                {
                    Translate(source, module);
                }

                modules[source.Kernel.Name] = File.ReadAllBytes(module);
            });
        }
        catch (AggregateException faults)
        {
            throw faults.InnerExceptions.OfType<BuildException>().FirstOrDefault() ?? faults.InnerException!;
        }

        return modules;
    }

    private void Translate(CompiledText source, string module)
    {
        string stem = Path.ChangeExtension(module, null), text = stem + ".cl", bitcode = stem + ".bc", raw = stem + ".raw";
        File.WriteAllText(text, source.Text);
        Run(source, _clang, "-x", "cl", "-cl-std=CL2.0", "-target", "spir64", "-Xclang", "-finclude-default-header", "-O0",
            "-Xclang", "-disable-O0-optnone", "-emit-llvm", "-c", text, "-o", bitcode);
        Run(source, _translator, $"--spirv-max-version={MostSpirv}", bitcode, "-o", raw);
        if (_validator is not null)
        {
            Run(source, _validator, raw);
        }

        // Only a module that passed gets the name that the next build takes as done.
        File.Move(raw, module, overwrite: true);
        File.Delete(bitcode);
    }

    private static void Run(CompiledText source, string tool, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd() + output.Result;
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new BuildException(
                source.Kernel.Attribute, source.Kernel.Name, $"on spirv {Path.GetFileName(tool)} ended with {process.ExitCode}: {errors.ReplaceLineEndings(" ").Trim()}");
        }
    }

    private static string? OnPath(string tool) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Where(folder => folder.Length > 0)
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? tool + ".exe" : tool))
        .FirstOrDefault(File.Exists);
}
