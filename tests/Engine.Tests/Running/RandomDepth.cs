using Lean.Engine.Scheduling;

namespace Lean.Engine.Tests.Running;

/// <summary>Another depth every few steps, and one far too deep now and then: whatever is chosen, requests must not notice.</summary>
internal sealed class RandomDepth(int seed, int most) : IDraftDepth
{
    private readonly Random _random = new(seed);
    private int _depth;

    /// <summary>Drafts it was told of.</summary>
    internal long Drafted { get; private set; }

    public int Choose(int sequences) => _depth = _random.Next(3) > 0 ? _depth : _random.Next(most + 2);

    public void Verified(int drafts, int accepted)
    {
        Assert.InRange(accepted, 0, drafts);
        Drafted += drafts;
    }

    public void Took(in StepLoad load, double seconds)
    {
        Assert.InRange(seconds, 0, double.MaxValue);
        Assert.InRange(load.Adapting, 0, load.Sequences);
        Assert.InRange(load.Depth, -1, most);
    }
}
