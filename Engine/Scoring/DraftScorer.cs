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
internal sealed class DraftScorer(Scorer scorer, DecoderModel model, Transfers transfers, ScoreSteps peers)
{
    // Forks alive at a time.
    private const int Group = ScoreSteps.StretchRows;

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
        // The longest text decides how often all ranks draft together; of the rank's own there may be less.
        int depths = int.Min(options.MtpDepth, peers.Longest - 1), rows = int.Max(ids.Count - 1, 0);
        if (depths <= 0)
        {
            return;
        }

        var logits = new Tensor[depths];
        for (int d = 1; d <= depths; d++)
        {
            logits[d - 1] = ids.Count > d ? result.Add($"mtp_logits_{d}", new Shape(ids.Count - d, model.Config.Vocabulary)) : default;
        }

        // Every sequence sees the shared blocks; a fork has blocks of its own from the last one on.
        int shared = Grid.CellsFor(rows), own = Grid.CellsFor(depths) + 1;
        KernelSet ops = transfers.Ops;
        using var caches = new ModelCaches(ops, model.Config, mtpLayers: 1, shared + (Group * own), slots: 1);
        using HostBuffer memory = HostBuffer.For(DType.F32, new Shape(rows, model.Config.Hidden));
        Tensor drafts = memory.View(DType.F32, new Shape(rows, model.Config.Hidden));
        using var arena = new Arena(ops.Device, ops.Queue);
        using var indices = new Arena();
        var step = new StepContext(caches, arena);
        int most = options.StepTokens ?? StepTokens.Usual.Alone;
        for (int begin = 0; begin < peers.Longest - 1; begin += most)
        {
            int count = int.Clamp(rows - begin, 0, most);
            peers.BeginDraft(begin, most, depth: 1);
            Begin(arena, indices);
            step.Batch = transfers.ToDevice(FirstDepth(ids, begin, count, shared, indices), arena);
            model.Prepare(step);
            Tensor states = _head.Forward(transfers.ToDevice(Some(hidden, begin, count), arena), step);
            scorer.Check(Fault.Of(transfers.Read(step.Faults).AsSpan<int>(), begin, number));
            transfers.Read(states).AsSpan<float>().CopyTo(Some(drafts, begin, count).AsSpan<float>());
            Keep(states, logits[0], begin, begin, number++, arena);
        }

        for (int begin = 0; begin < peers.Longest - 2 && depths > 1; begin += Group)
        {
            Tensor states = Some(drafts, begin, int.Clamp(rows - begin, 0, Group));
            for (int d = 2; d <= depths && begin < peers.Longest - d; d++)
            {
                int count = int.Clamp(ids.Count - d - begin, 0, Group);
                peers.BeginDraft(begin, Group, d);
                Begin(arena, indices);
                step.Batch = transfers.ToDevice(Chain(ids, begin, count, d, shared, own, caches, indices), arena);
                model.Prepare(step);
                Tensor next = _head.Forward(transfers.ToDevice(states.Rows(0, count), arena), step);

                // Row i, at depth d, stands at position i + d − 1.
                scorer.Check(Fault.Of(transfers.Read(step.Faults).AsSpan<int>(), begin + d - 1, number));
                Keep(next, logits[d - 1], begin, begin + d - 1, number++, arena);
                transfers.Read(next).AsSpan<float>().CopyTo(Some(drafts, begin, count).AsSpan<float>());
                states = Some(drafts, begin, count);
            }
        }
    }

    private void Begin(Arena arena, Arena indices)
    {
        arena.Begin();
        indices.Begin();
        transfers.Begin();
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

    // Rows of what may have come to its end.
    private static Tensor Some(Tensor all, int begin, int count) => all.Rows(int.Min(begin, (int)all.Shape[0]), count);

    private void Keep(Tensor states, Tensor logits, int firstRow, int firstPosition, int step, Arena arena)
    {
        for (int stretch = 0; stretch < peers.Stretches; stretch++)
        {
            int row = stretch * ScoreSteps.StretchRows;
            Tensor own = ScoreSteps.Stretch(states, stretch);
            ArenaMark mark = arena.Mark();
            Tensor some = transfers.Read(model.Logits(own, promptRows: 0, arena));
            scorer.Check(some, firstPosition + row, step, FaultPlace.MtpLogits(model.Config));
            if (own.Shape[0] > 0)
            {
                some.AsSpan<float>().CopyTo(logits.Rows(firstRow + row, own.Shape[0]).AsSpan<float>());
            }

            arena.Release(mark);
        }
    }
}
