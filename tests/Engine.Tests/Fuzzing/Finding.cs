namespace Lean.Engine.Tests.Fuzzing;

/// <summary>An input that a reader did not take as it should.</summary>
/// <param name="Target">The reader.</param>
/// <param name="Number">Which input it was, counted from 1; 0 for a seed.</param>
/// <param name="What">What happened.</param>
/// <param name="Input">The input, cut down to what still does it.</param>
internal sealed record Finding(string Target, long Number, string What, byte[] Input);
