using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>A step as bytes, for ranks of other processes: some numbers, the copies of states, then every tensor behind its type and shape.</summary>
internal static class StepImageFormat
{
    private const int Numbers = 7 + PromptCheck.MostDrafts;
    private const int MostRank = 4;
    private const int MostNumbers = 1 << 20;

    /// <summary>Writes a step.</summary>
    /// <param name="image">The step.</param>
    /// <param name="numbers">Used again from step to step.</param>
    /// <param name="output">Receives the bytes.</param>
    public static void Write(in StepImage image, List<int> numbers, ArrayBufferWriter<byte> output)
    {
        (PlannedBatch batch, SamplingRows sampling) = (image.Batch, image.Sampling);
        ReadOnlySpan<int> first = [batch.PromptSegments, batch.PromptRows, batch.PromptOutputs, batch.Cuts is null ? 0 : 1, sampling.Adjusts ? 1 : 0, sampling.Alternatives, image.DraftsRead];
        Int(output, Numbers);
        output.Write(MemoryMarshal.AsBytes(first));
        for (int depth = 1; depth <= PromptCheck.MostDrafts; depth++)
        {
            Int(output, batch.Drafts.At(depth));
        }

        image.Cuts.Write(numbers);
        Int(output, numbers.Count);
        output.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(numbers)));
        LogitAdjustments a = sampling.Adjustments;
        foreach (Tensor tensor in (ReadOnlySpan<Tensor>)[
            batch.Planned, batch.Text, batch.Blocks, batch.OutputRows, batch.OutputSegments, batch.Entries, batch.Following, batch.DraftBlocks, batch.StateSegments, batch.LaterPieces,
            sampling.Rows, sampling.Settings, sampling.TopK, sampling.Seeds, sampling.TokenRows, sampling.Masked, sampling.Masks, sampling.Listed,
            a.BiasStarts, a.Biased, a.Biases, a.SeenStarts, a.Seen, a.Penalties])
        {
            WriteTensor(tensor, output);
        }
    }

    /// <summary>Reads a step.</summary>
    /// <param name="bytes">What <see cref="Write"/> wrote.</param>
    /// <param name="memory">Holds its tensors; begun anew.</param>
    /// <exception cref="MachineException">The bytes are no step.</exception>
    public static StepImage Read(ReadOnlySpan<byte> bytes, Arena memory)
    {
        memory.Begin();
        var reader = new Reader(bytes);
        ReadOnlySpan<int> first = reader.Ints();
        StateCuts cuts = Cuts(reader.Ints());
        if (first.Length != Numbers)
        {
            throw Broken();
        }

        var batch = new PlannedBatch
        {
            PromptSegments = first[0],
            PromptRows = first[1],
            PromptOutputs = first[2],
            Cuts = first[3] == 0 ? null : cuts,
            Drafts = DraftCounts.Of(first[7..]),
            Planned = reader.Tensor(memory),
            Text = reader.Tensor(memory),
            Blocks = reader.Tensor(memory),
            OutputRows = reader.Tensor(memory),
            OutputSegments = reader.Tensor(memory),
            Entries = reader.Tensor(memory),
            Following = reader.Tensor(memory),
            DraftBlocks = reader.Tensor(memory),
            StateSegments = reader.Tensor(memory),
            LaterPieces = reader.Tensor(memory),
        };
        var sampling = new SamplingRows
        {
            Adjusts = first[4] != 0,
            Alternatives = first[5],
            Rows = reader.Tensor(memory),
            Settings = reader.Tensor(memory),
            TopK = reader.Tensor(memory),
            Seeds = reader.Tensor(memory),
            TokenRows = reader.Tensor(memory),
            Masked = reader.Tensor(memory),
            Masks = reader.Tensor(memory),
            Listed = reader.Tensor(memory),
            Adjustments = new LogitAdjustments
            {
                BiasStarts = reader.Tensor(memory),
                Biased = reader.Tensor(memory),
                Biases = reader.Tensor(memory),
                SeenStarts = reader.Tensor(memory),
                Seen = reader.Tensor(memory),
                Penalties = reader.Tensor(memory),
            },
        };
        return reader.IsAtEnd ? new StepImage { Batch = batch, Sampling = sampling, Cuts = cuts, DraftsRead = first[6] } : throw Broken();
    }

    private static void WriteTensor(Tensor tensor, ArrayBufferWriter<byte> output)
    {
        if (tensor.IsEmpty)
        {
            Int(output, 0);
            return;
        }

        Int(output, tensor.Shape.Rank);
        Int(output, (int)tensor.Type);
        for (int d = 0; d < tensor.Shape.Rank; d++)
        {
            Int(output, (int)tensor.Shape[d]);
        }

        output.Write(Bytes(tensor));
    }

    private static unsafe Span<byte> Bytes(Tensor tensor) => tensor.IsContiguous
        ? new Span<byte>((void*)tensor.Address, checked((int)tensor.Bytes))
        : throw new InvalidOperationException($"{tensor} has gaps between its rows");

    private static void Int(ArrayBufferWriter<byte> output, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(sizeof(int)), value);
        output.Advance(sizeof(int));
    }

    private static StateCuts Cuts(ReadOnlySpan<int> words)
    {
        try
        {
            return StateCuts.Read(words);
        }
        catch (Exception fault) when (fault is ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw Broken(fault);
        }
    }

    private static MachineException Broken(Exception? inner = null) => new("rank 0 sent a step that is none: its bytes are broken", inner);

    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _left = bytes;

        public readonly bool IsAtEnd => _left.IsEmpty;

        public ReadOnlySpan<int> Ints()
        {
            int count = Int();
            return count is >= 0 and <= MostNumbers ? MemoryMarshal.Cast<byte, int>(Take(count * sizeof(int))) : throw Broken();
        }

        public Tensor Tensor(Arena memory)
        {
            int rank = Int();
            if (rank == 0)
            {
                return default;
            }

            int type = Int();
            if (rank is < 1 or > MostRank || !Enum.IsDefined((DType)type))
            {
                throw Broken();
            }

            Span<int> extents = stackalloc int[rank];
            long size = ((DType)type).Size();
            for (int d = 0; d < rank; d++)
            {
                extents[d] = Int();
                size *= extents[d];
                if (extents[d] < 0 || size > _left.Length)
                {
                    throw Broken();
                }
            }

            Shape shape = rank switch
            {
                1 => new Shape(extents[0]),
                2 => new Shape(extents[0], extents[1]),
                3 => new Shape(extents[0], extents[1], extents[2]),
                _ => new Shape(extents[0], extents[1], extents[2], extents[3]),
            };
            var tensor = new Tensor((DType)type, shape, memory.Raw(size).Address);
            Take((int)size).CopyTo(Bytes(tensor));
            return tensor;
        }

        private int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

        private ReadOnlySpan<byte> Take(int count)
        {
            ReadOnlySpan<byte> taken = count <= _left.Length ? _left[..count] : throw Broken();
            _left = _left[count..];
            return taken;
        }
    }
}
