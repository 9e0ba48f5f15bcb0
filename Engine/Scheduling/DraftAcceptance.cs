namespace Lean.Engine.Scheduling;

/// <summary>
/// How often drafts of each depth are right whose predecessors were: counts that fade, so that they follow the text. What has
/// hardly been tried is taken for as good as the depth before it.
/// </summary>
/// <param name="most">The deepest drafts.</param>
internal sealed class DraftAcceptance(int most)
{
    // Outcomes that count: some hundred say a rate to within three percent.
    private const double Memory = 256;
    private const double PriorWeight = 0.5;
    private const double Prior = 0.7;

    private readonly double[] _tried = new double[most + 1];
    private readonly double[] _right = new double[most + 1];

    /// <summary>Takes note of a sequence's drafts.</summary>
    /// <param name="drafts">How many there were.</param>
    /// <param name="accepted">How many were right.</param>
    public void Add(int drafts, int accepted)
    {
        for (int depth = 1; depth <= int.Min(drafts, most) && depth <= accepted + 1; depth++)
        {
            _tried[depth] += 1 - (_tried[depth] / Memory);
            _right[depth] += (depth <= accepted ? 1 : 0) - (_right[depth] / Memory);
        }
    }

    /// <summary>Lets what was seen from a depth on count no more than so many outcomes: it is old, and shall be seen anew.</summary>
    public void Fade(int depth, double outcomes)
    {
        for (int d = depth; d <= most; d++)
        {
            double kept = double.Min(1, outcomes / double.Max(_tried[d], 1));
            (_tried[d], _right[d]) = (_tried[d] * kept, _right[d] * kept);
        }
    }

    /// <summary>How many drafts of a depth count.</summary>
    public double Outcomes(int depth) => _tried[depth];

    /// <summary>Tokens that a step is expected to give a sequence with so many drafts, its own one among them.</summary>
    public double Tokens(int depth)
    {
        double tokens = 1, all = 1, rate = Prior;
        for (int d = 1; d <= depth; d++)
        {
            rate = (_right[d] + (PriorWeight * rate)) / (_tried[d] + PriorWeight);
            all *= rate;
            tokens += all;
        }

        return tokens;
    }
}
