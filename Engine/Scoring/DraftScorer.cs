using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>
/// Drafts from every position as an engine would from that position alone. Depth 1 of row i takes the model's state i
/// and token i + 1 at position i, and sees the depth-1 rows 0 … i. Depth d takes depth d − 1's result and token i + d at
/// position i + d − 1, and sees the depth-1 rows 0 … i and its own chain: a fork of the cache, which shares all full
/// blocks and has a copy of the last one.
/// </summary>
internal sealed class DraftScorer(Scorer scorer, DecoderModel model)
{
    // Forks alive at a time.
    private const int Group = 32;

    private readonly MtpHead _head = model.Mtp!;

    /// <summary>Adds mtp_logits_1 … mtp_logits_K, [T − k, V] each, to a result.</summary>
    /// <param name="ids">The text.</param>
    /// <param name="hidden">f32 [T, H]: the model's states after its final norm.</param>
    /// <param name="options">How deep, and in what steps.</param>
    /// <param name="number">The number of the first step, for messages.</param>
    /// <param name="result">Receives the logits.</param>
    /// <exception cref="LeanException">Numbers are not finite.</exception>
    public void Score(IReadOnlyList<int> ids, Tensor hidden, ScoreOptions options, int number, ScoreResult result)
    {
        int depths = int.Min(options.MtpDepth, ids.Count - 1), rows = ids.Count - 1;
        if (depths <= 0)
        {
            return;
        }

        var logits = new Tensor[depths];
        for (int d = 1; d <= depths; d++)
        {
            logits[d - 1] = result.Add($"mtp_logits_{d}", new Shape(ids.Count - d, model.Config.Vocabulary));
        }

        // Every sequence sees the shared blocks; a fork has blocks of its own from the last one on.
        int shared = Grid.CellsFor(rows), own = Grid.CellsFor(depths) + 1;
        using var caches = new ModelCaches(model.Config, mtpLayers: 1, shared + (Group * own), slots: 1);
        using HostBuffer memory = HostBuffer.For(DType.F32, new Shape(rows, model.Config.Hidden));
        Tensor drafts = memory.View(DType.F32, new Shape(rows, model.Config.Hidden));
        using var arena = new Arena();
        var step = new StepContext(caches, arena);
        for (int begin = 0; begin < rows; begin += options.StepTokens)
        {
            int count = int.Min(options.StepTokens, rows - begin);
            arena.Begin();
            step.Batch = FirstDepth(ids, begin, count, shared, arena);
            model.Prepare(step);
            Tensor states = _head.Forward(hidden.Rows(begin, count), step);
            scorer.Check(Fault.Of(step.Faults.AsSpan<int>(), begin, number));
            states.AsSpan<float>().CopyTo(drafts.Rows(begin, count).AsSpan<float>());
            Keep(states, logits[0].Rows(begin, count), begin, number++, arena);
        }

        for (int begin = 0; begin < rows - 1 && depths > 1; begin += Group)
        {
            Tensor states = drafts.Rows(begin, int.Min(Group, rows - begin));
            for (int d = 2; d <= depths && begin < ids.Count - d; d++)
            {
                int count = int.Min(Group, ids.Count - d - begin);
                arena.Begin();
                step.Batch = Chain(ids, begin, count, d, shared, own, caches, arena);
                model.Prepare(step);
                Tensor next = _head.Forward(states.Rows(0, count), step);

                // Row i, at depth d, stands at position i + d − 1.
                scorer.Check(Fault.Of(step.Faults.AsSpan<int>(), begin + d - 1, number));
                Keep(next, logits[d - 1].Rows(begin, count), begin + d - 1, number++, arena);
                next.AsSpan<float>().CopyTo(drafts.Rows(begin, count).AsSpan<float>());
                states = drafts.Rows(begin, count);
            }
        }
    }

    // One sequence: row i holds token i + 1 at position i.
    private static StepBatch FirstDepth(IReadOnlyList<int> ids, int begin, int count, int shared, Arena arena)
    {
        StepBatch batch = Empty(count, segments: 1, shared, arena);
        Scorer.Identity(batch.Blocks.AsSpan<int>());
        for (int i = 0; i < count; i++)
        {
            batch.Tokens.AsSpan<int>()[i] = ids[begin + i + 1];
            batch.Positions.AsSpan<int>()[i] = begin + i;
            batch.CacheSlots.AsSpan<int>()[i] = begin + i;
        }

        Fill(batch.Segments.AsSpan<int>(), row: 0, count, begin);
        return batch;
    }

    // A sequence per row: row i holds token i + d at position i + d − 1, behind its own fork of the cache.
    private StepBatch Chain(IReadOnlyList<int> ids, int begin, int count, int depth, int shared, int own, ModelCaches caches, Arena arena)
    {
        StepBatch batch = Empty(count, segments: count, shared + own, arena);
        for (int i = 0; i < count; i++)
        {
            int row = begin + i, position = row + depth - 1, forked = (row + 1) / Grid.Cell, ownFirst = shared + (i * own);
            Span<int> blocks = batch.Blocks.Rows(i, 1).AsSpan<int>();
            Scorer.Identity(blocks[..forked]);
            for (int b = 0; b < own; b++)
            {
                blocks[forked + b] = ownFirst + b;
            }

            if (depth == 2 && (row + 1) % Grid.Cell != 0)
            {
                caches.CopyBlock(_head.CacheOrdinal, forked, ownFirst);
            }

            batch.Tokens.AsSpan<int>()[i] = ids[row + depth];
            batch.Positions.AsSpan<int>()[i] = position;
            batch.CacheSlots.AsSpan<int>()[i] = (blocks[position / Grid.Cell] * Grid.Cell) + (position % Grid.Cell);
            Fill(batch.Segments.Rows(i, 1).AsSpan<int>(), row: i, 1, position);
        }

        return batch;
    }

    private static StepBatch Empty(int rows, int segments, int blocks, Arena arena)
    {
        Shape vector = new(rows);
        return new StepBatch
        {
            Tokens = arena.I32(rows, 1).Reshape(vector),
            Positions = arena.I32(rows, 1).Reshape(vector),
            CacheSlots = arena.I32(rows, 1).Reshape(vector),
            Segments = arena.I32(segments, Segments.Columns),
            PromptSegments = 0,
            PromptRows = 0,
            PromptOutputs = 0,
            Blocks = arena.I32(segments, blocks),
            OutputRows = default,
        };
    }

    private static void Fill(Span<int> segment, int row, int rows, int position)
    {
        segment[Segments.FirstRow] = row;
        segment[Segments.Rows] = rows;
        segment[Segments.FirstPosition] = position;
        segment[Segments.Slot] = 0;
    }

    // Logits are made for a few rows at a time: a vocabulary of 248,320 takes a megabyte a row.
    private void Keep(Tensor states, Tensor logits, int firstPosition, int step, Arena arena)
    {
        for (int row = 0; row < states.Shape[0]; row += Group)
        {
            int count = int.Min(Group, (int)states.Shape[0] - row);
            ArenaMark mark = arena.Mark();
            Tensor some = model.Logits(states.Rows(row, count), promptRows: 0, arena);
            scorer.Check(some, firstPosition + row, step, FaultPlace.MtpLogits(model.Config));
            some.AsSpan<float>().CopyTo(logits.Rows(row, count).AsSpan<float>());
            arena.Release(mark);
        }
    }
}
