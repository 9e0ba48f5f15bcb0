using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Adds up what experts gave to rows, where no norm behind them does (<see cref="SummedNorm"/>), in a launch of its own.</summary>
internal static class ExpertSum
{
    /// <summary>output[t] = Σ_r mix[t, r] · parts[places[t, r]] + sigmoid(gate[t]) · total[t], the last where there is a shared expert.</summary>
    /// <param name="stream">The device.</param>
    /// <param name="given">What generated rows' or a prompt's experts left.</param>
    /// <param name="output">f32 [T, H].</param>
    /// <exception cref="LaunchException">Rounded parts and rows that begin anywhere.</exception>
    public static void Run(KernelStream stream, in ExpertParts given, in Tensor output)
    {
        int isEarly = given.AreEarly ? 1 : 0;
        bool isWide = ExpertMatrices.IsAligned(output), isRounded = given.Parts.Type == DType.BF16;
        LaunchCheck.That(isWide || !isRounded, "expert_sum", "rows at multiples of 16 bytes where parts are bf16");
        switch (given.Total.IsEmpty, isWide, isRounded)
        {
            case (true, true, false):
                ExpertsCombineWideLauncher.Launch(stream, given.Places, given.Mix, given.Parts, output, isEarly);
                break;
            case (true, true, true):
                ExpertsCombineWideBf16Launcher.Launch(stream, given.Places, given.Mix, given.Parts, output, isEarly);
                break;
            case (true, false, _):
                ExpertsCombineLauncher.Launch(stream, given.Places, given.Mix, given.Parts, output);
                break;
            case (false, true, false):
                ExpertsCombineWideSharedLauncher.Launch(stream, given.Places, given.Mix, given.Parts, given.Total, given.GateLogit, output, isEarly);
                break;
            case (false, true, true):
                ExpertsCombineWideSharedBf16Launcher.Launch(stream, given.Places, given.Mix, given.Parts, given.Total, given.GateLogit, output, isEarly);
                break;
            case (false, false, _):
                ExpertsCombineSharedLauncher.Launch(stream, given.Places, given.Mix, given.Parts, given.Total, given.GateLogit, output);
                break;
        }
    }
}
