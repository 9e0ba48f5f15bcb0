using Lean.Kernels;

namespace Lean.Engine.Sampling;

/// <summary>
/// The first tokens of a row by falling logit, ties by rising token, of all ranks: each brought its own in that order, and
/// ranks hold tokens in rising order, so equal logits of an earlier rank go first.
/// </summary>
/// <param name="words">All ranks' words.</param>
/// <param name="first">Where the first rank's list begins.</param>
/// <param name="pitch">Words from a rank's list to the next one's.</param>
/// <param name="length">Tokens of each rank's list; one of fewer tokens ends with −1.</param>
/// <param name="columns">Words of a token: first the token, then the logit that orders.</param>
internal readonly ref struct CandidateList(ReadOnlySpan<int> words, int first, int pitch, int length, int columns)
{
    private const int MostRanks = 1024;

    private readonly ReadOnlySpan<int> _words = words;

    /// <summary>The first tokens of all, by places among the words.</summary>
    /// <param name="places">Receives them.</param>
    /// <returns>How many there are; banned tokens are not among them.</returns>
    public int Merge(Span<int> places)
    {
        int ranks = (_words.Length - first + pitch - 1) / pitch, count = 0;
        Span<int> heads = stackalloc int[MostRanks];
        heads = heads[..ranks];
        heads.Clear();
        for (; count < places.Length; count++)
        {
            (int rank, float largest) = (-1, float.NegativeInfinity);
            for (int r = 0; r < ranks; r++)
            {
                int at = first + (r * pitch) + (heads[r] * columns);
                if (heads[r] < length && _words[at] >= 0 && Logit(at) > largest)
                {
                    (rank, largest) = (r, Logit(at));
                }
            }

            if (rank < 0)
            {
                break;
            }

            places[count] = first + (rank * pitch) + (heads[rank]++ * columns);
        }

        return count;
    }

    /// <summary>Draws one of the first tokens, as <see cref="SampleTokens"/> does: they hold all that top-k keeps.</summary>
    /// <param name="places">The first tokens, at most k.</param>
    /// <param name="row">How to choose.</param>
    /// <param name="vocabulary">Tokens of the model.</param>
    /// <param name="u">The random number.</param>
    /// <returns>The place of the token's words.</returns>
    public int Draw(ReadOnlySpan<int> places, in RowChoice row, int vocabulary, double u)
    {
        if (row.TopK == 1)
        {
            return places[0];
        }

        // Weights are whole numbers, whose sums are exact in f64 too.
        float maximum = Logit(places[0]);
        Span<long> weights = stackalloc long[ChoiceShape.MostCandidates];
        long sum = 0;
        for (int i = 0; i < places.Length; i++)
        {
            sum += weights[i] = TokenShares.Weight(Logit(places[i]), maximum, row.Temperature, minP: 0, vocabulary);
        }

        int kept = row.TopP < 1 ? Shortest(weights[..places.Length], row.TopP * (double)sum) : places.Length;
        Span<int> tokens = stackalloc int[ChoiceShape.MostCandidates], order = stackalloc int[ChoiceShape.MostCandidates];
        long left = 0;
        for (int i = 0; i < kept; i++)
        {
            weights[i] = row.MinP > 0 ? TokenShares.Weight(Logit(places[i]), maximum, row.Temperature, row.MinP, vocabulary) : weights[i];
            (tokens[i], order[i]) = (_words[places[i]], i);
            left += weights[i];
        }

        MemoryExtensions.Sort(tokens[..kept], order[..kept]);
        double target = u * left;
        long before = 0;
        for (int i = 0; ; i++)
        {
            before += weights[order[i]];
            if (before > target)
            {
                return places[order[i]];
            }
        }
    }

    private static int Shortest(ReadOnlySpan<long> weights, double target)
    {
        long sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            sum += weights[i];
            if (sum >= target)
            {
                return i + 1;
            }
        }

        return weights.Length;
    }

    private float Logit(int place) => BitConverter.Int32BitsToSingle(_words[place + 1]);
}
