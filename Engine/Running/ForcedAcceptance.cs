using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Lets drafts count as right as often as is wanted, whatever the model chose: for benchmarks of models whose weights are
/// random. What such an engine generates means nothing, and is not what it would generate otherwise.
/// </summary>
/// <param name="rate">How often a draft counts as right whose predecessors did.</param>
/// <param name="seed">The same seed accepts the same drafts.</param>
/// <param name="vocabulary">Ids of the model. Where a draft is refused any of them counts as chosen: were it always the same one, a batch's rows would share their experts, as no real batch does.</param>
internal sealed class ForcedAcceptance(double rate, int seed, int vocabulary)
{
    private readonly Random _random = new(seed);

    /// <summary>One that accepts the same drafts from the beginning, for another rank.</summary>
    public ForcedAcceptance Copy() => new(rate, seed, vocabulary);

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
                chosen[table[e] + i] = right ? -1 - (table[e + 1] + 1 + i) : _random.Next(vocabulary);
            }
        }
    }
}
