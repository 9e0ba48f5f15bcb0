namespace Lean.Engine.Sampling;

/// <summary>What a number of the sampling parameters may be.</summary>
/// <param name="Name">The parameter, as requests spell it.</param>
/// <param name="Least">The lower end.</param>
/// <param name="Most">The upper end.</param>
/// <param name="Expected">The range in words, for messages.</param>
/// <param name="IsOpen">Whether the lower end itself is excluded.</param>
internal sealed record ParameterRange(string Name, double Least, double Most, string Expected, bool IsOpen = false)
{
    public static readonly ParameterRange Temperature = new("temperature", 0, float.MaxValue, "a finite number of at least 0");
    public static readonly ParameterRange TopK = new("top_k", -1, int.MaxValue, "a whole number of at least 1, or 0 or -1 for off");
    public static readonly ParameterRange TopP = new("top_p", 0, 1, "a number above 0 and at most 1", IsOpen: true);
    public static readonly ParameterRange MinP = new("min_p", 0, 1, "a number from 0 to 1");
    public static readonly ParameterRange RepetitionPenalty = new("repetition_penalty", 0, float.MaxValue, "a finite number above 0", IsOpen: true);
    public static readonly ParameterRange PresencePenalty = new("presence_penalty", -2, 2, "a number from -2 to 2");
    public static readonly ParameterRange FrequencyPenalty = new("frequency_penalty", -2, 2, "a number from -2 to 2");
    public static readonly ParameterRange Bias = new("logit_bias", -100, 100, "a number from -100 to 100");
    public static readonly ParameterRange Seed = new("seed", long.MinValue, long.MaxValue, "a whole number of 64 bits");
    public static readonly ParameterRange MinTokens = new("min_tokens", 0, int.MaxValue, "a whole number of at least 0");
    public static readonly ParameterRange LogProbabilities = new("logprobs", 0, SamplingParameters.MostAlternatives, "a whole number from 0 to 20");

    /// <summary>The parameter as an option of the command line.</summary>
    public string Option => $"--{Name.Replace('_', '-')}";

    /// <summary>Whether a number is allowed, in f32, which is what kernels take. A NaN is not.</summary>
    public bool Holds(double value) => value >= Least && value <= Most && !(IsOpen && (float)value <= Least);

    /// <summary>What is wrong with a value.</summary>
    public string Refusal(string name, string value) => $"{name} is {value}, expected {Expected}";
}
