using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>Who is to blame that nothing moves, from the rings of all ranks alone.</summary>
/// <param name="Sentence">What a person would have found by reading logs: rank, collective, layer, step.</param>
/// <param name="Culprits">The ranks at fault; empty where it is the transport, or nobody.</param>
/// <param name="Step">The step in question, −1 where there is none.</param>
/// <param name="Seq">The collective's number in it, −1 where there is none.</param>
public sealed record Verdict(string Sentence, ImmutableArray<int> Culprits, long Step, int Seq)
{
    /// <summary>Finds the culprit.</summary>
    public static Verdict Of(FlightDump dump) => new VerdictFinder(dump).Find();
}
