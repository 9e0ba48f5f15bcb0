using System.Globalization;
using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The instruction sets in order of preference. <c>LEAN_CPU</c> forces one by name; <c>LEAN_THREADS</c> sets the number
/// of threads. All sets give the same bits (see <see cref="IVec{V}"/>), so forcing one changes speed alone.
/// </summary>
public static class CpuBackends
{
    /// <summary>The environment variable that forces an instruction set.</summary>
    public const string InstructionSetVariable = "LEAN_CPU";

    /// <summary>The environment variable that sets the number of threads.</summary>
    public const string ThreadsVariable = "LEAN_THREADS";

    private const int MaxThreads = 1024;

    /// <summary>Every instruction set Lean has bodies for, best first, with what stands against it on this machine.</summary>
    public static IReadOnlyList<CpuInstructionSet> All => [.. Names.Select(n => new CpuInstructionSet(n, Try(n, out _)))];

    private static readonly string[] Names = ["avx512", "avx2", "scalar"];

    /// <summary>Opens the CPU as the environment variables say, or with the best instruction set and all processors.</summary>
    /// <exception cref="InputException">A variable names no instruction set, one this CPU lacks, or no number of threads.</exception>
    public static CpuBackend Open() => Open(
        Environment.GetEnvironmentVariable(InstructionSetVariable), Environment.GetEnvironmentVariable(ThreadsVariable));

    /// <summary>Opens the CPU for one of several ranks that share it: without <c>LEAN_THREADS</c>, each gets its part of the processors.</summary>
    /// <param name="ranks">How many ranks.</param>
    /// <exception cref="InputException">See <see cref="Open()"/>.</exception>
    public static CpuBackend OpenOneOf(int ranks)
    {
        string? threads = Environment.GetEnvironmentVariable(ThreadsVariable);
        return Open(
            Environment.GetEnvironmentVariable(InstructionSetVariable),
            string.IsNullOrEmpty(threads) ? int.Max(1, Environment.ProcessorCount / ranks).ToString(CultureInfo.InvariantCulture) : threads);
    }

    /// <summary>Opens the CPU.</summary>
    /// <param name="instructionSet">A name, or null or empty for the best.</param>
    /// <param name="threads">A number, or null or empty for the processors this process may use.</param>
    /// <exception cref="InputException">See <see cref="Open()"/>.</exception>
    public static CpuBackend Open(string? instructionSet, string? threads = null)
    {
        int count = Environment.ProcessorCount;
        if (!string.IsNullOrEmpty(threads) && (!int.TryParse(threads, out count) || count < 1 || count > MaxThreads))
        {
            throw new InputException($"{ThreadsVariable} is '{threads}', expected a number of threads from 1 to {MaxThreads}");
        }

        return new CpuBackend(Bodies(instructionSet), count);
    }

    private static CpuBodies Bodies(string? name)
    {
        if (string.IsNullOrEmpty(name))
        {
            foreach (string candidate in Names)
            {
                if (Try(candidate, out CpuBodies? best) is null)
                {
                    return best!;
                }
            }
        }

        string? declined = Try(name!, out CpuBodies? bodies);
        return bodies ?? throw new InputException($"{InstructionSetVariable} is '{name}': {declined}");
    }

    /// <summary>Why a CPU cannot run a set.</summary>
    internal static string Missing(string name) =>
        name == "avx512" ? "this CPU has no AVX-512 (F, BW, CD, DQ and VL)" : "this CPU has no AVX2 with FMA";

    // A JIT compiles the bodies for the CPU it finds. A native binary is compiled for every CPU and carries the wider
    // bodies as kernel libraries.
    private static string? Try(string name, out CpuBodies? bodies)
    {
        bodies = null;
        switch (name)
        {
            case "scalar":
                bodies = new ManagedBodies<VecScalar>(name);
                return null;
            case "avx512" or "avx2" when !RuntimeFeature.IsDynamicCodeSupported:
                return KernelLibrary.Try(name, out bodies);
            case "avx512":
                bodies = Vec512.IsSupported ? new ManagedBodies<Vec512>(name) : null;
                return bodies is null ? Missing(name) : null;
            case "avx2":
                bodies = Vec256x2.IsSupported ? new ManagedBodies<Vec256x2>(name) : null;
                return bodies is null ? Missing(name) : null;
            default:
                return $"no such instruction set; expected {string.Join(", ", Names)}";
        }
    }
}
