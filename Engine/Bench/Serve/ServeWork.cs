namespace Lean.Engine.Bench.Serve;

/// <summary>What requests are made of.</summary>
internal sealed record ServeWork
{
    // Ids that every published tokenizer has, and that are text in each.
    private const int FirstId = 300;
    private const int LastId = 1500;

    /// <summary>Tokens of prompts, behind what they share.</summary>
    public required LengthDistribution Prompt { get; init; }

    /// <summary>Tokens of answers.</summary>
    public required LengthDistribution Answer { get; init; }

    /// <summary>Tokens with which each prompt begins as others do.</summary>
    public int SharedTokens { get; init; }

    /// <summary>How many different beginnings there are.</summary>
    public int Prefixes { get; init; } = 1;

    /// <summary>Of the random numbers.</summary>
    public int Seed { get; init; }

    /// <summary>Draws requests; the same for the same seed.</summary>
    public ServeRequest[] Make(int count)
    {
        var random = new Random(Seed);
        int[][] shared = [.. Enumerable.Range(0, Prefixes).Select(_ => Ids(random, SharedTokens))];
        return [.. Enumerable.Range(0, count).Select(_ => new ServeRequest(
            [.. shared[random.Next(Prefixes)], .. Ids(random, Prompt.Draw(random))], Answer.Draw(random)))];
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(FirstId, LastId))];
}

/// <summary>One request.</summary>
/// <param name="Prompt">Its tokens.</param>
/// <param name="Tokens">How many the answer has.</param>
internal sealed record ServeRequest(int[] Prompt, int Tokens);
