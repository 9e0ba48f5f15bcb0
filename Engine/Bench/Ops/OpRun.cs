using System.Runtime.CompilerServices;
using Lean.Engine.Running;

namespace Lean.Engine.Bench.Ops;

/// <summary>What is known of a run besides its figures.</summary>
/// <param name="Device">What it ran on.</param>
/// <param name="DeviceName">What the command line calls that.</param>
/// <param name="Models">Whose shapes.</param>
/// <param name="Quick">Whether shapes and times are too small to mean anything.</param>
/// <param name="Repeats">Repeats of each measurement, unless it takes long.</param>
/// <param name="Budget">Bytes of memory that it may use.</param>
/// <param name="Rotation">Bytes of weights or states that are met before the same come again, as far as memory allows.</param>
/// <param name="KernelClock">Whether the device tells how long kernels run.</param>
/// <param name="Ceilings">What the device does at best.</param>
/// <param name="Missing">Ops that the device lacks.</param>
internal sealed record OpRun(
    string Device, string DeviceName, IReadOnlyList<string> Models, bool Quick, int Repeats, long Budget, long Rotation, bool KernelClock,
    Ceilings Ceilings, IReadOnlyList<string> Missing)
{
    /// <summary>How the program that ran was compiled: before, for one processor, or while it runs.</summary>
    public string Program { get; init; } = RuntimeFeature.IsDynamicCodeCompiled ? "JIT" : "native binary";

    /// <summary>Whether launches of less than a millisecond run out of captured graphs.</summary>
    public bool Captures { get; init; }

    /// <summary>The device as other runs on its kind call it too: a card without its number and driver, a processor with its threads.</summary>
    public string DeviceKind => Device.StartsWith($"{DeviceName} ", StringComparison.Ordinal) && DeviceName != DeviceChoice.Cpu
        ? Device[(DeviceName.Length + 1)..].Split(", ") switch { [var card, .., var last] when last.EndsWith(" activations", StringComparison.Ordinal) => $"{card}, {last}", var parts => parts[0] }
        : Device;
}
