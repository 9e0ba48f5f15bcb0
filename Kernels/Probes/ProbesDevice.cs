using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The probes on a device: a thread per part.</summary>
internal sealed class ProbesDevice(KernelStream stream) : Probes
{
    // Chains and steps of Kernels/Device/Ops/Probes.cs.
    private const int Chains = 16;
    private const int Steps = 4;

    /// <inheritdoc/>
    public override int Parts => 256 * 2048;

    /// <inheritdoc/>
    public override int FlopsPerRound => 2 * Chains * Steps;

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor target) => stream.CopyOnDevice(source, target);

    private protected override void LaunchRead(Tensor words, Tensor parts) => ProbeReadLauncher.Launch(stream, words, parts);

    private protected override void LaunchMultiplyAdd(Tensor start, float factor, float term, int rounds, Tensor output) =>
        ProbeMultiplyAddLauncher.Launch(stream, start, output, factor, term, rounds);
}
