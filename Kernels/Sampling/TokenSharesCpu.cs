using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Shares of a draw on the CPU: an item is a row.</summary>
internal sealed unsafe class TokenSharesCpu(CpuBackend backend) : TokenShares
{
    private protected override void LaunchBins(Tensor logits, Tensor rows, Tensor settings, Tensor prefixes, int digit, int vocabulary, Tensor bins)
    {
        TokenSharesArguments arguments = Arguments(logits, rows, settings, vocabulary);
        arguments.Prefixes = (int*)prefixes.Address;
        arguments.Digit = digit;
        arguments.Sums = (long*)bins.Address;
        Run(CpuKernel.TokenBins, arguments, rows);
    }

    private protected override void LaunchSums(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, int vocabulary, Tensor sums)
    {
        TokenSharesArguments arguments = Arguments(logits, rows, settings, vocabulary);
        arguments.Cuts = (float*)cuts.Address;
        arguments.Sums = (long*)sums.Address;
        Run(CpuKernel.TokenSums, arguments, rows);
    }

    private protected override void LaunchDraw(Tensor logits, Tensor rows, Tensor settings, Tensor cuts, Tensor ties, Tensor targets, int vocabulary, Tensor tokens)
    {
        TokenSharesArguments arguments = Arguments(logits, rows, settings, vocabulary);
        arguments.Cuts = (float*)cuts.Address;
        arguments.Ties = (int*)ties.Address;
        arguments.Targets = (long*)targets.Address;
        arguments.Tokens = (int*)tokens.Address;
        Run(CpuKernel.DrawToken, arguments, rows);
    }

    private static TokenSharesArguments Arguments(Tensor logits, Tensor rows, Tensor settings, int vocabulary) => new()
    {
        Logits = (float*)logits.Address,
        Count = (int)logits.Shape[1],
        Vocabulary = vocabulary,
        Rows = (int*)rows.Address,
        Settings = (float*)settings.Address,
    };

    private void Run(CpuKernel kernel, TokenSharesArguments arguments, Tensor rows) =>
        backend.Run(kernel, &arguments, (int)rows.Shape.Count, 32L * arguments.Count);
}

/// <summary>What <see cref="TokenSharesBody{V}"/> reads.</summary>
internal unsafe struct TokenSharesArguments
{
    public float* Logits;
    public int Count;
    public int Vocabulary;
    public int* Rows;
    public float* Settings;
    public int* Prefixes;
    public float* Cuts;
    public int* Ties;
    public long* Targets;
    public long* Sums;
    public int* Tokens;
    public int Digit;
}

/// <summary>The bodies of <see cref="TokenSharesCpu"/>.</summary>
internal static unsafe class TokenSharesBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Bins(TokenSharesArguments* a, int begin, int end)
    {
        for (int i = begin; i < end; i++)
        {
            long* bins = a->Sums + ((long)i * TokenShares.Bins * TokenShares.BinColumns);
            new Span<long>(bins, TokenShares.Bins * TokenShares.BinColumns).Clear();
            int shift = TokenShares.ShiftOf(a->Digit);

            // Logits whose keys begin with the prefix lie between these; the ends are NaN where keys stand for no number.
            uint first = a->Digit == 0 ? 0 : (uint)a->Prefixes[i] * TokenShares.Bins << shift;
            uint last = a->Digit == 0 ? uint.MaxValue : first + ((uint)TokenShares.Bins << shift) - 1;
            TokenWeights row = Row(a, i);
            Bin(row, first, last, shift, bins);
        }
    }

    public static void Sums(TokenSharesArguments* a, int begin, int end)
    {
        for (int i = begin; i < end; i++)
        {
            TokenWeights row = Row(a, i);
            float* cut = a->Cuts + (TokenShares.CutColumns * i);
            long* sums = a->Sums + (TokenShares.BinColumns * i);
            sums[0] = TokenSearch<V>.Equal(row, cut[0]);
            sums[1] = row.Units(TokenSearch<V>.Kept(row, new TokenCut(cut[0], -1), cut[1], 0, row.Count));
        }
    }

    public static void Draw(TokenSharesArguments* a, int begin, int end)
    {
        for (int i = begin; i < end; i++)
        {
            TokenWeights row = Row(a, i);
            float* cut = a->Cuts + (TokenShares.CutColumns * i);
            int last = -1;
            for (int ties = a->Ties[i]; ties > 0; ties--)
            {
                do
                {
                    last++;
                }
                while (row.Logits[last] != cut[0]);
            }

            a->Tokens[i] = TokenWalk<V>.To(row, new TokenCut(cut[0], last), cut[1], row.Weights(a->Targets[i]));
        }
    }

    private static TokenWeights Row(TokenSharesArguments* a, int i)
    {
        float* settings = a->Settings + (TokenShares.SettingColumns * i);
        return new TokenWeights(a->Logits + ((long)a->Rows[i] * a->Count), a->Count, settings[0], settings[1], a->Vocabulary);
    }

    private static void Bin(in TokenWeights row, uint first, uint last, int shift, long* bins)
    {
        float* logits = row.Logits, lanes = stackalloc float[Lanes];
        float low = TokenShares.OfKey(first), high = TokenShares.OfKey(last);
        low = low > row.Least ? low : row.Least;
        high = float.IsNaN(high) ? float.PositiveInfinity : high;
        V from = V.Broadcast(low), to = V.Broadcast(high), one = V.Broadcast(1f);
        V maximum = V.Broadcast(row.Maximum), inverse = V.Broadcast(row.InverseTemperature);
        for (int i = 0; i < row.Count; i += Lanes)
        {
            int n = int.Min(Lanes, row.Count - i);
            V x = V.KeepFirst(V.LoadPartial(logits + i, n), n, float.NegativeInfinity);
            if (!(V.MaxLane(V.SelectLess(x, from, V.Zero, V.SelectLess(to, x, V.Zero, one))) > 0f))
            {
                continue;
            }

            V.Store(lanes, VecMath<V>.Exp((x - maximum) * inverse));
            for (int j = 0; j < n; j++)
            {
                uint key = TokenShares.Key(logits[i + j]);
                if (key >= first && key <= last && logits[i + j] >= low)
                {
                    long* bin = bins + ((key >> shift) % TokenShares.Bins * TokenShares.BinColumns);
                    bin[0]++;
                    bin[1] += row.Units((lanes[j] + row.Rounder) - row.Rounder);
                }
            }
        }
    }
}
