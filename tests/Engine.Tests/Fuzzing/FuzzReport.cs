namespace Lean.Engine.Tests.Fuzzing;

/// <summary>What became of one reader's inputs.</summary>
/// <param name="Target">The reader.</param>
/// <param name="Seed">What the inputs were made from: the same seed and count give the same inputs.</param>
/// <param name="Inputs">Inputs tried.</param>
/// <param name="Accepted">Inputs the reader took.</param>
/// <param name="Refusals">Different places and sentences by which it refused the others.</param>
/// <param name="Corpus">Inputs kept because they were the first to be refused, or accepted, in their way.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Findings">What should not have happened.</param>
internal sealed record FuzzReport(
    string Target, int Seed, long Inputs, long Accepted, int Refusals, int Corpus, double Seconds, IReadOnlyList<Finding> Findings);
