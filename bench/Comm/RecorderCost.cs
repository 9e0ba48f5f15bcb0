namespace Lean.Bench.Comm;

/// <summary>The same steps with the recorder and without, turn by turn in one run.</summary>
/// <param name="What">The steps.</param>
/// <param name="Collectives">Collectives of a step.</param>
/// <param name="WithMicroseconds">The median step with the recorder.</param>
/// <param name="WithoutMicroseconds">The median step without.</param>
/// <param name="PairMicroseconds">The median difference between neighbours, one with it and one without: what others on the machine do cancels there.</param>
/// <param name="NotesShare">What the notes of a step take at <see cref="RecorderRun.NoteNanoseconds"/> each, as a share of the step without.</param>
internal sealed record RecorderCost(string What, int Collectives, double WithMicroseconds, double WithoutMicroseconds, double PairMicroseconds, double NotesShare)
{
    /// <summary>The median difference between neighbours, as a share of the step without.</summary>
    public double Share => PairMicroseconds / WithoutMicroseconds;
}
