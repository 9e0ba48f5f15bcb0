using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Lets drafts count as right as often as is wanted, whatever the model chose: for benchmarks of models whose weights are
/// random. What such an engine generates means nothing, and is not what it would generate otherwise.
/// </summary>
/// <param name="rate">How often a draft counts as right whose predecessors did.</param>
/// <param name="seed">The same seed accepts the same drafts.</param>
internal sealed class ForcedAcceptance(double rate, int seed)
{
    // What counts as chosen where a draft is refused; that a draft is this token is as likely as any other.
    private const int Refused = 1;

    private readonly Random _random = new(seed);

    /// <summary>Says what is to be chosen at each output: a row's draft (as <see cref="StepRows.FollowRows"/> reads it from the step's tokens) or none.</summary>
    /// <param name="entries">i32 [E, 3], on the host.</param>
    /// <param name="choices">i32 [R], on the host.</param>
    public void Fill(Tensor entries, Tensor choices)
    {
        ReadOnlySpan<int> table = entries.AsSpan<int>();
        Span<int> chosen = choices.AsSpan<int>();
        for (int e = 0; e < table.Length; e += StepRows.EntryColumns)
        {
            bool right = true;
            for (int i = 0; i <= table[e + 2]; i++)
            {
                right = right && i < table[e + 2] && _random.NextDouble() < rate;
                chosen[table[e] + i] = right ? -1 - (table[e + 1] + 1 + i) : Refused;
            }
        }
    }
}
