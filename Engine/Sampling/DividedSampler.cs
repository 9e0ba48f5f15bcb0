using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// Chooses a step's tokens where each rank has the logits of its own tokens: the tokens that <see cref="Sampler"/> would
/// choose from all logits, bit for bit, though nobody ever holds these. What travels is said by <see cref="ChoiceShape"/>.
/// The ranks of a replica call it together, also those without rows. Host memory.
/// </summary>
/// <param name="ops">The ops.</param>
/// <param name="peers">The other ranks.</param>
internal sealed class DividedSampler(KernelSet ops, IVocabularyPeers peers)
{
    private readonly TokenWalks _walks = new(ops, peers);
    private TokenPick[] _best = new TokenPick[8];

    /// <inheritdoc cref="Sampler.Choose"/>
    public StepOutput Choose(Tensor logits, in SamplingRows rows, Tensor positions, Arena arena, ResultRoom results)
    {
        var shape = ChoiceShape.Of(rows, (int)logits.Shape[0], peers.Vocabulary);
        Shape outputs = new(shape.Outputs), lists = new(shape.Listed, shape.Alternatives);
        Tensor tokens = results.I32(outputs), values = results.F32(outputs);
        Tensor listed = shape.Listed == 0 ? default : results.I32(lists), listedValues = shape.Listed == 0 ? default : results.F32(lists);
        ArenaMark mark = arena.Mark();
        Tensor changed = Change(logits, rows, arena), draws = arena.I32(rows.Count, SampleTokens.DrawColumns);
        if (rows.Count > 0)
        {
            ops.StepRows.DrawNumbers(rows.Seeds, rows.TokenRows, positions, draws);
        }

        Tensor own = arena.I32(shape.Words, 1), all = arena.I32((long)shape.Words * peers.Ranks, 1);
        if (shape.Outputs > 0)
        {
            Bring(logits, changed, rows, shape, own.AsSpan<int>(), arena);
        }

        if (peers.IsNext(CollectivePurpose.Candidates))
        {
            peers.Gather(CollectivePurpose.Candidates, own, all);
        }

        Pick(all.AsSpan<int>(), shape, tokens.AsSpan<int>(), values.AsSpan<float>());
        List(all.AsSpan<int>(), rows, shape, listed, listedValues);
        Draw(all.AsSpan<int>(), rows, shape, draws.AsSpan<int>(), tokens.AsSpan<int>(), values.AsSpan<float>());
        _walks.Run(changed, logits, _best, tokens.AsSpan<int>(), values.AsSpan<float>(), arena);
        arena.Release(mark);
        return new StepOutput { Tokens = tokens, LogProbabilities = values, Listed = listed, ListedValues = listedValues };
    }

    // The sampled rows' logits, biased, penalised and masked: f32 [S, V of the rank].
    private Tensor Change(Tensor logits, in SamplingRows rows, Arena arena)
    {
        if (rows.Count == 0 || !(rows.Adjusts || rows.MaskedCount > 0 || rows.Count < logits.Shape[0]))
        {
            return logits;
        }

        var part = new VocabularyPart(peers.First, (int)logits.Shape[1]);
        Tensor changed = arena.F32(rows.Count, logits.Shape[1]);
        ops.GatherRows.Run(logits, rows.Rows, changed);
        if (rows.Adjusts)
        {
            ops.AdjustLogits.Run(changed, part.Of(rows.Adjustments, arena));
        }

        if (rows.MaskedCount > 0)
        {
            ops.MaskLogits.Run(changed, rows.Masked, part.MasksOf(rows.Masks, arena));
        }

        return changed;
    }

    // What this rank says of its tokens: picks, candidates, listed tokens.
    private void Bring(Tensor logits, Tensor changed, in SamplingRows rows, in ChoiceShape shape, Span<int> words, Arena arena)
    {
        ArenaMark mark = arena.Mark();
        Tensor best = Vector(arena.I32(shape.Outputs, 1)), values = Vector(arena.F32(shape.Outputs, 1));
        ops.GreedyPick.Run(logits, best, values);
        for (int row = 0; row < shape.Outputs; row++)
        {
            int token = best.AsSpan<int>()[row];
            TokenPick pick = token < 0 ? TokenPick.None : new(peers.First + token, Logit(logits, row, token), values.AsSpan<float>()[row]);
            pick.Write(words.Slice(TokenPick.Words * row, TokenPick.Words));
        }

        if (shape.Sampled > 0)
        {
            BringCandidates(logits, changed, best, rows, shape, words.Slice(TokenPick.Words * shape.Outputs), arena);
        }

        if (shape.Listed > 0)
        {
            int width = int.Min(shape.Alternatives, (int)logits.Shape[1]);
            Tensor tokens = arena.I32(shape.Listed, width), unused = arena.F32(shape.Listed, width);
            ops.TopLogProbabilities.Run(logits, rows.Listed, best, values, tokens, unused);
            Span<int> lists = words[^(ChoiceShape.ListedWords * shape.Listed * shape.Alternatives)..];
            lists.Fill(-1);
            for (int i = 0; i < shape.Listed; i++)
            {
                for (int j = 0; j < width && tokens.Rows(i, 1).AsSpan<int>()[j] is var token and >= 0; j++)
                {
                    Span<int> place = lists[(ChoiceShape.ListedWords * ((i * shape.Alternatives) + j))..];
                    (place[0], place[1]) = (peers.First + token, BitConverter.SingleToInt32Bits(Logit(logits, rows.Listed.AsSpan<int>()[i], token)));
                }
            }
        }

        arena.Release(mark);
    }

    private void BringCandidates(Tensor logits, Tensor changed, Tensor best, in SamplingRows rows, in ChoiceShape shape, Span<int> words, Arena arena)
    {
        int width = int.Min(shape.Candidates, (int)logits.Shape[1]);
        Tensor which = Vector(arena.I32(shape.Sampled, 1)), faults = Vector(arena.I32(shape.Sampled, 1)), unused = arena.F32(shape.Sampled, width);
        for (int i = 0; i < shape.Sampled; i++)
        {
            (which.AsSpan<int>()[i], faults.AsSpan<int>()[i]) = (i, best.AsSpan<int>()[rows.Rows.AsSpan<int>()[i]]);
        }

        // Of log-probabilities the order alone is wanted, and that comes with the tokens.
        Tensor tokens = arena.I32(shape.Sampled, width);
        ops.TopLogProbabilities.Run(changed, which, faults, Vector(arena.F32(shape.Sampled, 1)), tokens, unused);
        words[..(ChoiceShape.CandidateWords * shape.Sampled * shape.Candidates)].Fill(-1);
        for (int i = 0; i < shape.Sampled; i++)
        {
            int output = rows.Rows.AsSpan<int>()[i];
            for (int j = 0; j < width && tokens.Rows(i, 1).AsSpan<int>()[j] is var token and >= 0; j++)
            {
                Span<int> place = words[(ChoiceShape.CandidateWords * ((i * shape.Candidates) + j))..];
                place[0] = peers.First + token;
                place[1] = BitConverter.SingleToInt32Bits(Logit(changed, i, token));
                place[2] = BitConverter.SingleToInt32Bits(Logit(logits, output, token));
            }
        }
    }

    private void Pick(ReadOnlySpan<int> words, in ChoiceShape shape, Span<int> tokens, Span<float> values)
    {
        if (_best.Length < shape.Outputs)
        {
            _best = new TokenPick[2 * shape.Outputs];
        }

        for (int row = 0; row < shape.Outputs; row++)
        {
            _best[row] = TokenPick.Best(words, TokenPick.Words * row, shape.Words);
            (tokens[row], values[row]) = (_best[row].Token, _best[row].LogProbability);
        }
    }

    private void List(ReadOnlySpan<int> words, in SamplingRows rows, in ChoiceShape shape, Tensor listed, Tensor listedValues)
    {
        int first = shape.Words - (ChoiceShape.ListedWords * shape.Listed * shape.Alternatives);
        Span<int> places = stackalloc int[SamplingParameters.MostAlternatives];
        for (int i = 0; i < shape.Listed; i++)
        {
            TokenPick best = _best[rows.Listed.AsSpan<int>()[i]];
            var list = new CandidateList(words, first + (ChoiceShape.ListedWords * shape.Alternatives * i), shape.Words, shape.Alternatives, ChoiceShape.ListedWords);
            int count = best.Token < 0 ? 0 : list.Merge(places[..shape.Alternatives]);
            Span<int> tokens = listed.Rows(i, 1).AsSpan<int>();
            Span<float> values = listedValues.Rows(i, 1).AsSpan<float>();
            for (int j = 0; j < shape.Alternatives; j++)
            {
                tokens[j] = j < count ? words[places[j]] : -1;
                values[j] = j < count ? best.LogProbabilityOf(tokens[j], BitConverter.Int32BitsToSingle(words[places[j] + 1])) : float.NaN;
            }
        }
    }

    private void Draw(ReadOnlySpan<int> words, in SamplingRows rows, in ChoiceShape shape, ReadOnlySpan<int> draws, Span<int> tokens, Span<float> values)
    {
        Span<int> places = stackalloc int[ChoiceShape.MostCandidates];
        _walks.Begin();
        for (int i = 0; i < shape.Sampled; i++)
        {
            int output = rows.Rows.AsSpan<int>()[i], first = (TokenPick.Words * shape.Outputs) + (ChoiceShape.CandidateWords * shape.Candidates * i);
            RowChoice row = RowChoice.Of(rows, i, peers.Vocabulary);
            var list = new CandidateList(words, first, shape.Words, shape.Candidates, ChoiceShape.CandidateWords);
            int count = _best[output].Token < 0 ? 0 : list.Merge(places[..(row.IsWalked ? 1 : row.TopK)]);
            double u = Philox.Uniform(((ulong)(uint)draws[(2 * i) + 1] << 32) | (uint)draws[2 * i]);
            if (row.IsWalked)
            {
                _walks.Add(i, output, row, count == 0 ? float.NaN : BitConverter.Int32BitsToSingle(words[places[0] + 1]), u);
                continue;
            }

            int place = count == 0 ? -1 : list.Draw(places[..count], row, peers.Vocabulary, u);
            tokens[output] = place < 0 ? -1 : words[place];
            values[output] = place < 0 ? float.NaN : _best[output].LogProbabilityOf(words[place], BitConverter.Int32BitsToSingle(words[place + 2]));
        }
    }

    private static float Logit(Tensor logits, int row, int token) => logits.Rows(row, 1).AsSpan<float>()[token];

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));
}
