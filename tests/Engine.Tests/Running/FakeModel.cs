using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// A model whose caches hold hashes: a slot that of all rows so far, with their classes, a block those of its positions. A
/// token depends on all of them, so whatever is stale, shared wrongly, left out or of the wrong class gives another one.
/// It drafts what it will choose, most of the time; and checks that each position of its drafting layer was filled with the
/// token that follows there.
/// </summary>
internal sealed class FakeModel : IStepRunner
{
    internal const int Vocabulary = 1000;

    private readonly bool _drafts;
    private readonly ulong[] _keys;
    private readonly ulong[] _states;
    private readonly (int Token, int Next)[] _followed;
    private readonly Dictionary<int, ulong> _lastStates = [];
    private readonly KernelSet _ops = ReferenceKernels.Create();
    private readonly Arena _rows = new();
    private readonly HostBuffer _outcomes;
    private readonly Tensor _outcome;

    internal FakeModel(CachePlan plan, int stepsAhead = 0)
    {
        (_drafts, _keys, _states, StepsAhead) = (plan.RunsHead, new ulong[plan.Blocks * Grid.Cell], new ulong[plan.States + plan.Snapshots], stepsAhead);
        _followed = new (int, int)[_keys.Length];
        var shape = new Shape(2 + plan.Drafts, plan.Slots);
        _outcomes = HostBuffer.For(DType.I32, shape);
        _outcome = _outcomes.View(DType.I32, shape);
    }

    public int StepsAhead { get; }

    /// <summary>Drafts of which one is wrong, about; 0 for none.</summary>
    internal int WrongOneIn { get; init; } = 3;

    /// <summary>What it does wrong, to see that it is noticed.</summary>
    internal Wrong Plant { get; init; }

    /// <summary>The last step that was submitted.</summary>
    internal int Submitted { get; private set; }

    public void Submit(ReadOnlySpan<StepFrame> step)
    {
        StepFrame frame = step[0];
        Submitted = frame.Number;
        _rows.Begin();
        StepBatch batch = RowPlacement.Place(_ops, frame.Batch, _outcome, Vocabulary, _rows);
        Copy(frame.Cuts.Restores);
        for (int wave = 0; wave < batch.StateWaves; wave++)
        {
            Rows(batch, batch.StatePieces(wave), isPrompt: true);
            Copy(batch.Cuts is { } cuts ? cuts.Copies(wave) : []);
        }

        Rows(batch, batch.Generated, isPrompt: false);
        foreach (StateCuts.Cut end in frame.Cuts.Ends)
        {
            Copy([end.Copy]);
        }

        int outputCount = (int)batch.OutputRows.Shape[0];
        frame.Results.Begin();
        Tensor tokens = Vector(frame.Results.I32(outputCount, 1)), values = Vector(frame.Results.F32(outputCount, 1)), faults = Vector(frame.Results.I32(batch.Rows, 1));
        faults.AsSpan<int>().Clear();
        ReadOnlySpan<int> outputs = batch.OutputRows.AsSpan<int>();
        ulong[] sums = new ulong[outputCount];
        for (int i = 0; i < outputCount; i++)
        {
            sums[i] = Sum(batch, outputs[i], SegmentOf(batch, outputs[i]));
            (tokens.AsSpan<int>()[i], values.AsSpan<float>()[i]) = Choice(sums[i]);
        }

        int entries = (int)frame.Batch.Entries.Shape[0];
        Tensor ends = Vector(_rows.I32(entries, 1)), accepted = Vector(frame.Results.I32(entries, 1));
        _ops.StepRows.AcceptDrafts(frame.Batch.Entries, batch.Tokens, tokens, _outcome, ends);
        if (Plant == Wrong.EntriesSwapped && entries > 1)
        {
            Span<int> next = _outcome.Slice(1).AsSpan<int>();
            (next[0], next[1]) = (next[1], next[0]);
        }
        else if (Plant == Wrong.OneMoreAccepted && entries > 0)
        {
            Span<int> counts = _outcome.Slice(0).AsSpan<int>();
            counts[0] = int.Min(counts[0] + 1, frame.Batch.Entries.AsSpan<int>()[2]);
        }

        _outcome.Slice(0).AsSpan<int>()[..entries].CopyTo(accepted.AsSpan<int>());
        if (_drafts)
        {
            Tensor following = Vector(_rows.I32(batch.Rows, 1));
            _ops.StepRows.FollowRows(frame.Batch.Following, outputCount == 0 ? frame.Batch.Following : tokens, Vocabulary, following);
            for (int row = 0; row < batch.Rows; row++)
            {
                _followed[batch.CacheSlots.AsSpan<int>()[row]] = (batch.Tokens.AsSpan<int>()[row], following.AsSpan<int>()[row]);
            }

            for (int entry = 0; entry < frame.Batch.Drafts.At(1); entry++)
            {
                Draft(frame, batch, entry, ends.AsSpan<int>()[entry], sums);
            }
        }

        Tensor drafted = default;
        if (frame.DraftsRead > 0)
        {
            drafted = frame.Results.I32(frame.DraftsRead, _outcome.Shape[1]);
            _outcome.Rows(2, frame.DraftsRead).AsSpan<int>().CopyTo(drafted.AsSpan<int>());
        }

        frame.Output = new StepOutput { Faults = faults, Tokens = tokens, LogProbabilities = values, Accepted = accepted, Drafted = drafted };
    }

    public StepOutput Collect(StepFrame frame) => frame.Output;

    public void Dispose()
    {
        _rows.Dispose();
        _outcomes.Dispose();
    }

    /// <summary>What the model makes of a prompt, computed without any cache.</summary>
    internal static int[] Expected(IReadOnlyList<int> prompt, int tokens)
    {
        ulong state = 0, sum = 0;
        int[] output = new int[tokens];
        for (int p = 0; p < prompt.Count + tokens - 1; p++)
        {
            bool isPrompt = p < prompt.Count;
            state = Next(state, isPrompt ? prompt[p] : output[p - prompt.Count], isPrompt);
            sum += Mix(state, (ulong)p);
            if (p >= prompt.Count - 1)
            {
                output[p - prompt.Count + 1] = Choice(sum).Token;
            }
        }

        return output;
    }

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));

    private static ulong Next(ulong state, int token, bool isPrompt) => Mix(state, ((ulong)token << 1) | (isPrompt ? 1UL : 0));

    private static (int Token, float Value) Choice(ulong sum) => ((int)(Mix(sum, 77) % Vocabulary), (sum >> 40) / -1000f);

    private static ulong Mix(ulong a, ulong b)
    {
        ulong x = (a + 0x9E3779B97F4A7C15UL) ^ (b * 0xBF58476D1CE4E5B9UL);
        x = (x ^ (x >> 29)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 32);
    }

    private static int SegmentOf(in StepBatch batch, int row)
    {
        ReadOnlySpan<int> segments = batch.Segments.AsSpan<int>();
        int segment = 0;
        while (segments[(segment * Segments.Columns) + Segments.FirstRow] + segments[(segment * Segments.Columns) + Segments.Rows] <= row)
        {
            segment++;
        }

        return segment;
    }

    private ulong Sum(in StepBatch batch, int row, int segment)
    {
        ulong sum = 0;
        ReadOnlySpan<int> blocks = Of(batch.Blocks, segment);
        for (int p = 0, last = batch.Positions.AsSpan<int>()[row]; p <= last; p++)
        {
            sum += Mix(_keys[Place(blocks, p)], (ulong)p);
        }

        return sum;
    }

    // Goes on from the last row that counts, as the model will if the drafts are right.
    private void Draft(StepFrame frame, in StepBatch batch, int entry, int row, ulong[] sums)
    {
        int segment = SegmentOf(batch, row), position = batch.Positions.AsSpan<int>()[row], output = batch.OutputRows.AsSpan<int>().IndexOf(row);
        ulong state = _keys[batch.CacheSlots.AsSpan<int>()[row]], sum = sums[output];
        int token = Choice(sum).Token;
        ReadOnlySpan<int> blocks = Of(batch.Blocks, segment);
        for (int p = 0; p < position; p++)
        {
            (int next, int follows) = (_followed[Place(blocks, p)].Next, _followed[Place(blocks, p + 1)].Token);
            if (next != follows)
            {
                Assert.Fail($"the drafting layer's position {p} was filled for token {next}, but {follows} follows");
            }
        }

        for (int depth = 1; frame.Batch.Drafts.At(depth) > entry; depth++)
        {
            state = Next(state, token, isPrompt: false);
            sum += Mix(state, (ulong)(position + depth));
            token = Choice(sum).Token;
            bool wrong = WrongOneIn > 0 && Mix(state, 5) % (ulong)WrongOneIn == 0;
            _outcome.Slice(1 + depth).AsSpan<int>()[entry] = wrong ? (token + 1) % Vocabulary : token;

            // What the row of a further draft leaves there is written over before anybody reads it.
            if (frame.Batch.Drafts.At(depth + 1) > entry)
            {
                _followed[Place(Of(frame.Batch.DraftBlocks, entry), position + depth)] = (-1, -1);
            }
        }
    }

    // The blocks of a segment, looked up once for all of its positions.
    private static ReadOnlySpan<int> Of(Tensor blocks, int segment) => blocks.AsSpan<int>().Slice(segment * (int)blocks.Shape[1], (int)blocks.Shape[1]);

    private static int Place(ReadOnlySpan<int> blocks, int position) => (blocks[position / Grid.Cell] * Grid.Cell) + (position % Grid.Cell);

    private void Rows(in StepBatch batch, Tensor table, bool isPrompt)
    {
        ReadOnlySpan<int> segments = table.AsSpan<int>(), tokens = batch.Tokens.AsSpan<int>(), places = batch.CacheSlots.AsSpan<int>();
        int columns = (int)table.Shape[1];
        for (int s = 0; s < table.Shape[0]; s++)
        {
            ReadOnlySpan<int> segment = segments.Slice(s * columns, columns);
            int slot = segment[Segments.Slot], pitch = isPrompt ? 0 : segment[Segments.Pitch];
            ulong state = segment[Segments.FirstPosition] == 0 ? 0 : _states[isPrompt ? slot : segment[Segments.Source]];
            state = Plant == Wrong.StateOfLastRow && pitch > 0 ? _lastStates.GetValueOrDefault(slot, state) : state;
            for (int i = 0; i < segment[Segments.Rows]; i++)
            {
                int row = segment[Segments.FirstRow] + i;
                state = Next(state, tokens[row], isPrompt);
                _keys[places[row]] = state;
                _states[slot + (i * pitch)] = state;
                _lastStates[slot] = state;
            }
        }
    }

    private void Copy(ReadOnlySpan<StateCopy> copies)
    {
        foreach (StateCopy copy in copies)
        {
            _states[copy.Target] = _states[copy.Source];
        }
    }

    /// <summary>Faults of engines that draft.</summary>
    internal enum Wrong
    {
        /// <summary>None.</summary>
        Nothing,

        /// <summary>What a state was behind the last row stays, though its draft was refused.</summary>
        StateOfLastRow,

        /// <summary>Two sequences get each other's token, as by a sort that is not stable.</summary>
        EntriesSwapped,

        /// <summary>A draft counts that was not chosen.</summary>
        OneMoreAccepted,
    }
}
