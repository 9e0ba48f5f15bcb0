using System.Security.Cryptography;
using Lean.Engine.Grammars;

namespace Lean.Engine.Sampling;

/// <summary>The sampling parameters that somebody named; null where nobody did.</summary>
internal sealed record SamplingChoice
{
    // JSON numbers are exact up to 53 bits everywhere.
    private const int SeedBits = 53;

    /// <inheritdoc cref="SamplingParameters.Temperature"/>
    public double? Temperature { get; init; }

    /// <inheritdoc cref="SamplingParameters.TopK"/>
    public int? TopK { get; init; }

    /// <inheritdoc cref="SamplingParameters.TopP"/>
    public double? TopP { get; init; }

    /// <inheritdoc cref="SamplingParameters.MinP"/>
    public double? MinP { get; init; }

    /// <inheritdoc cref="SamplingParameters.RepetitionPenalty"/>
    public double? RepetitionPenalty { get; init; }

    /// <inheritdoc cref="SamplingParameters.PresencePenalty"/>
    public double? PresencePenalty { get; init; }

    /// <inheritdoc cref="SamplingParameters.FrequencyPenalty"/>
    public double? FrequencyPenalty { get; init; }

    /// <inheritdoc cref="SamplingParameters.LogitBias"/>
    public IReadOnlyList<TokenBias>? LogitBias { get; init; }

    /// <inheritdoc cref="SamplingParameters.Seed"/>
    public long? Seed { get; init; }

    /// <inheritdoc cref="SamplingParameters.MinTokens"/>
    public int? MinTokens { get; init; }

    /// <inheritdoc cref="SamplingParameters.Stop"/>
    public IReadOnlyList<string>? Stop { get; init; }

    /// <inheritdoc cref="SamplingParameters.StopTokenIds"/>
    public IReadOnlyList<int>? StopTokenIds { get; init; }

    /// <inheritdoc cref="SamplingParameters.Grammar"/>
    public Grammar? Grammar { get; init; }

    /// <inheritdoc cref="SamplingParameters.Alternatives"/>
    public int? Alternatives { get; init; }

    /// <summary>Whether to go on after the model's end-of-sequence token.</summary>
    public bool? IgnoreEndOfSequence { get; init; }

    /// <summary>These, and where they are silent, others.</summary>
    public SamplingChoice Over(SamplingChoice others) => new()
    {
        Temperature = Temperature ?? others.Temperature,
        TopK = TopK ?? others.TopK,
        TopP = TopP ?? others.TopP,
        MinP = MinP ?? others.MinP,
        RepetitionPenalty = RepetitionPenalty ?? others.RepetitionPenalty,
        PresencePenalty = PresencePenalty ?? others.PresencePenalty,
        FrequencyPenalty = FrequencyPenalty ?? others.FrequencyPenalty,
        LogitBias = LogitBias ?? others.LogitBias,
        Seed = Seed ?? others.Seed,
        MinTokens = MinTokens ?? others.MinTokens,
        Stop = Stop ?? others.Stop,
        StopTokenIds = StopTokenIds ?? others.StopTokenIds,
        Grammar = Grammar ?? others.Grammar,
        Alternatives = Alternatives ?? others.Alternatives,
        IgnoreEndOfSequence = IgnoreEndOfSequence ?? others.IgnoreEndOfSequence,
    };

    /// <summary>
    /// The parameters of one request. A temperature above 0, or without a temperature top-k, top-p or min-p, asks for
    /// sampling; then the model's recommendations fill in what is missing, and a seed is drawn where none is given. Else
    /// the choice is greedy, and the recommendations are left alone.
    /// </summary>
    public SamplingParameters Resolve(GenerationDefaults defaults)
    {
        bool samples = Temperature is { } given ? given != 0 : (TopK ?? TopP ?? MinP) is not null;
        double temperature = samples ? Temperature ?? defaults.Temperature ?? 1 : 0;
        return new SamplingParameters
        {
            Temperature = temperature,
            TopK = TopK ?? (samples ? defaults.TopK : null) ?? 0,
            TopP = TopP ?? (samples ? defaults.TopP : null) ?? 1,
            MinP = MinP ?? (samples ? defaults.MinP : null) ?? 0,
            RepetitionPenalty = RepetitionPenalty ?? (samples ? defaults.RepetitionPenalty : null) ?? 1,
            PresencePenalty = PresencePenalty ?? 0,
            FrequencyPenalty = FrequencyPenalty ?? 0,
            LogitBias = LogitBias ?? [],
            Seed = Seed ?? (samples ? AnySeed() : 0),
            MinTokens = MinTokens ?? 0,
            Stop = Stop ?? [],
            StopTokenIds = StopTokenIds ?? [],
            Grammar = Grammar,
            Alternatives = Alternatives,
        };
    }

    private static long AnySeed()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes) & ((1L << SeedBits) - 1);
    }
}
