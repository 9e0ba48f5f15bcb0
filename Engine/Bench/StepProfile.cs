using Lean.Kernels;

namespace Lean.Engine.Bench;

/// <summary>How long the kernels of a step, or of a whole prompt, run, by name and by the device's clock.</summary>
/// <param name="stream">A stream that profiles.</param>
internal sealed class StepProfile(KernelStream stream)
{
    private readonly Dictionary<string, (int Count, double Seconds)> _kernels = [];
    private int _steps;

    /// <summary>The kernels of what ran between two calls, in the mean, those that take longest first.</summary>
    public IReadOnlyList<StepKernel> Kernels =>
        [.. _kernels.Select(k => new StepKernel(k.Key, k.Value.Count / (double)_steps, k.Value.Seconds / _steps)).OrderByDescending(static k => k.Seconds)];

    /// <summary>Takes what has run since the last call.</summary>
    /// <param name="counts">Whether it is one that counts.</param>
    public void Take(bool counts)
    {
        _steps += counts ? 1 : 0;
        stream.TakeTimes((kernel, time) =>
        {
            if (counts)
            {
                (int count, double seconds) = _kernels.GetValueOrDefault(kernel.Entry);
                _kernels[kernel.Entry] = (count + 1, seconds + time.TotalSeconds);
            }
        });
    }
}
