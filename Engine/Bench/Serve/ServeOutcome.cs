namespace Lean.Engine.Bench.Serve;

/// <summary>
/// What became of one request. Times are in seconds since the load began; latencies count from when the request was meant
/// to be sent, so that a generator that falls behind, or a server that keeps it waiting, shows in them.
/// </summary>
internal sealed record ServeOutcome
{
    /// <summary>When it was meant to be sent.</summary>
    public required double Intended { get; init; }

    /// <summary>When it was sent.</summary>
    public required double Sent { get; init; }

    /// <summary>When its first token came.</summary>
    public double First { get; init; }

    /// <summary>When its last token came.</summary>
    public double Last { get; init; }

    /// <summary>Tokens of its answer.</summary>
    public int Tokens { get; init; }

    /// <summary>Tokens of its prompt.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Times between the pieces in which the answer came.</summary>
    public IReadOnlyList<double> Gaps { get; init; } = [];

    /// <summary>Why there is no answer, or null.</summary>
    public string? Failure { get; init; }

    /// <summary>From when it was meant to be sent to its first token.</summary>
    public double FirstToken => First - Intended;

    /// <summary>From its first token to its last, for each token between.</summary>
    public double PerToken => Tokens > 1 ? (Last - First) / (Tokens - 1) : 0;

    /// <summary>From when it was meant to be sent to its last token.</summary>
    public double Whole => Last - Intended;
}
