using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// The rows of a step whose token no list of candidates decides: boundaries of top-k and top-p are found in sums of all ranks'
/// bins, then the rank draws in whose tokens the random number falls. Every rank computes the same from the same sums.
/// </summary>
/// <param name="ops">The ops.</param>
/// <param name="peers">The other ranks.</param>
internal sealed class TokenWalks(KernelSet ops, IVocabularyPeers peers)
{
    private WalkedRow[] _walks = new WalkedRow[8];
    private int _count;

    /// <summary>Forgets the rows of the step before.</summary>
    public void Begin() => _count = 0;

    /// <summary>Adds a row.</summary>
    /// <param name="row">Which of the sampled rows.</param>
    /// <param name="output">Which of the output rows.</param>
    /// <param name="choice">How to choose.</param>
    /// <param name="maximum">The largest of all ranks' logits; not finite where the row gets no token, and only takes part.</param>
    /// <param name="u">The random number.</param>
    public void Add(int row, int output, in RowChoice choice, float maximum, double u)
    {
        if (_count == _walks.Length)
        {
            Array.Resize(ref _walks, 2 * _count);
        }

        _walks[_count++] = new WalkedRow(row, output, choice, maximum, u);
    }

    /// <summary>Draws; the ranks call it together.</summary>
    /// <param name="changed">f32 [S, V of the rank]: logits as biases, penalties and masks have left them.</param>
    /// <param name="logits">f32 [R, V of the rank]: the model's.</param>
    /// <param name="best">The most likely token of each output row.</param>
    /// <param name="tokens">Receives the tokens, by output row.</param>
    /// <param name="values">Receives their log-probabilities.</param>
    /// <param name="arena">Memory.</param>
    public void Run(Tensor changed, Tensor logits, ReadOnlySpan<TokenPick> best, Span<int> tokens, Span<float> values, Arena arena)
    {
        Search(CollectivePurpose.TopK, changed, arena);
        Search(CollectivePurpose.TopP, changed, arena);
        if (!peers.IsNext(CollectivePurpose.Draw))
        {
            return;
        }

        ArenaMark mark = arena.Mark();
        Tensor drawn = Draw(changed, logits, arena);
        ReadOnlySpan<int> words = drawn.AsSpan<int>();
        for (int i = 0; i < _count; i++)
        {
            (int output, int token, float logit) = (_walks[i].Output, -1, float.NaN);
            for (int rank = 0; rank < peers.Ranks; rank++)
            {
                int at = ((rank * _count) + i) * ChoiceShape.ListedWords;
                (token, logit) = words[at] >= 0 ? (words[at], BitConverter.Int32BitsToSingle(words[at + 1])) : (token, logit);
            }

            (tokens[output], values[output]) = (token, best[output].LogProbabilityOf(token, logit));
        }

        arena.Release(mark);
    }

    // Finds the boundaries of the rows that look for one, a digit of the logit's key at a time.
    private void Search(CollectivePurpose purpose, Tensor changed, Arena arena)
    {
        if (!peers.IsNext(purpose))
        {
            return;
        }

        ArenaMark mark = arena.Mark();
        int count = 0;
        for (int i = 0; i < _count; i++)
        {
            _walks[i].Begin(weighs: purpose == CollectivePurpose.TopP);
            count += _walks[i].Searches ? 1 : 0;
        }

        Tensor rows = Vector(arena.I32(count, 1)), settings = arena.F32(count, TokenShares.SettingColumns), prefixes = Vector(arena.I32(count, 1));
        Tensor bins = arena.I64(count, TokenShares.Bins * TokenShares.BinColumns);
        for (int digit = 0; digit < TokenShares.Digits; digit++)
        {
            Fill(rows, settings, prefixes);
            ops.TokenShares.RunBins(changed, rows, settings, prefixes, digit, peers.Vocabulary, bins.Reshape(new Shape(count, TokenShares.Bins, TokenShares.BinColumns)));
            peers.Sum(purpose, bins);
            for (int i = 0, row = 0; i < _count; i++)
            {
                if (_walks[i].Searches)
                {
                    _walks[i].Narrow(bins.Rows(row++, 1).AsSpan<long>(), digit);
                }
            }
        }

        for (int i = 0; i < _count; i++)
        {
            _walks[i].End();
        }

        arena.Release(mark);
    }

    private void Fill(Tensor rows, Tensor settings, Tensor prefixes)
    {
        for (int i = 0, row = 0; i < _count; i++)
        {
            ref readonly WalkedRow walk = ref _walks[i];
            if (walk.Searches)
            {
                rows.AsSpan<int>()[row] = walk.Row;
                prefixes.AsSpan<int>()[row] = (int)walk.Prefix;
                walk.CopySettings(settings, row++);
            }
        }
    }

    // What every rank keeps; then the token, from the rank that has it: i32 [ranks · n, 2].
    private Tensor Draw(Tensor changed, Tensor logits, Arena arena)
    {
        Tensor rows = Vector(arena.I32(_count, 1)), settings = arena.F32(_count, TokenShares.SettingColumns), cuts = arena.F32(_count, TokenShares.CutColumns);
        Tensor own = arena.I64(_count, TokenShares.BinColumns), all = arena.I64((long)_count * peers.Ranks, TokenShares.BinColumns);
        for (int i = 0; i < _count; i++)
        {
            ref readonly WalkedRow walk = ref _walks[i];
            rows.AsSpan<int>()[i] = walk.Row;
            walk.CopySettings(settings, i);
            (cuts.AsSpan<float>()[2 * i], cuts.AsSpan<float>()[(2 * i) + 1]) = (walk.Cut, walk.Choice.MinP);
        }

        ops.TokenShares.RunSums(changed, rows, settings, cuts, peers.Vocabulary, own);
        peers.Gather(CollectivePurpose.Draw, own, all);

        Tensor ties = Vector(arena.I32(_count, 1)), targets = arena.I64(_count, 1).Reshape(new Shape(_count)), tokens = Vector(arena.I32(_count, 1));
        Tensor drawn = arena.I32(_count, ChoiceShape.ListedWords), allDrawn = arena.I32((long)_count * peers.Ranks, ChoiceShape.ListedWords);
        drawn.AsSpan<int>().Fill(-1);
        for (int i = 0; i < _count; i++)
        {
            if (!Falls(i, all.AsSpan<long>(), out int kept, out long target))
            {
                continue;
            }

            (ties.AsSpan<int>()[0], targets.AsSpan<long>()[0]) = (kept, target);
            ops.TokenShares.RunDraw(
                changed, rows.Rows(i, 1), settings.Rows(i, 1), cuts.Rows(i, 1), ties.Rows(0, 1), targets.Rows(0, 1), peers.Vocabulary, tokens.Rows(0, 1));
            int token = tokens.AsSpan<int>()[0];
            Span<int> words = drawn.Rows(i, 1).AsSpan<int>();
            words[0] = peers.First + token;
            words[1] = BitConverter.SingleToInt32Bits(logits.Rows(_walks[i].Output, 1).AsSpan<float>()[token]);
        }

        peers.Gather(CollectivePurpose.Draw, drawn, allDrawn);
        return allDrawn;
    }

    // Whether a row's token is one of this rank's: where, as a sum of its own weights, and how many of its ties are kept.
    private bool Falls(int index, ReadOnlySpan<long> sums, out int kept, out long target)
    {
        ref readonly WalkedRow walk = ref _walks[index];
        long tie = walk.Ties > 0 ? TokenShares.Weight(walk.Cut, walk.Maximum, walk.Choice.Temperature, walk.Choice.MinP, peers.Vocabulary) : 0;
        long total = 0, left = walk.Ties;
        for (int rank = 0; rank < peers.Ranks; rank++)
        {
            total += Own(sums, rank, ref left);
        }

        double mark = walk.Uniform * total;
        long before = 0;
        (kept, target, left) = (0, 0, walk.Ties);
        for (int rank = 0; rank < peers.Ranks && walk.Draws; rank++)
        {
            long earlier = left, own = Own(sums, rank, ref left);
            if (before + own > mark)
            {
                (kept, target) = ((int)(earlier - left), (long)Math.Floor(mark) - before);
                return rank == peers.Place;
            }

            before += own;
        }

        return false;

        long Own(ReadOnlySpan<long> all, int rank, ref long ties)
        {
            ReadOnlySpan<long> sum = all.Slice(((rank * _count) + index) * TokenShares.BinColumns, TokenShares.BinColumns);
            long taken = long.Min(ties, sum[0]);
            ties -= taken;
            return sum[1] + (taken * tie);
        }
    }

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));
}
