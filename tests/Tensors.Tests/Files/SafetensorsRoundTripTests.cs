using CsCheck;

namespace Lean.Tensors.Tests;

public sealed class SafetensorsRoundTripTests : IDisposable
{
    private static readonly DType[] s_types = Enum.GetValues<DType>();

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_type_comes_back_with_its_shape_bytes_and_metadata() =>
        Gen.Select(Gen.Int[0, s_types.Length - 1].Select(i => s_types[i]), Gen.Long[0, 5].Array[0, 4], Gen.Int)
            .Array[0, 6]
            .Sample(
                specs =>
                {
                    string path = _folder.At("round.safetensors");
                    var owners = new List<HostBuffer>();
                    var tensors = new List<KeyValuePair<string, Tensor>>();
                    for (int i = 0; i < specs.Length; i++)
                    {
                        (DType type, long[] extents, int seed) = specs[i];
                        var buffer = HostBuffer.For(type, Shape.Of(extents));
                        owners.Add(buffer);
                        new Random(seed).NextBytes(buffer.View(DType.I8, new Shape(buffer.Bytes)).AsSpan<byte>());
                        tensors.Add(new($"t{i}", buffer.View(type, Shape.Of(extents))));
                    }

                    SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
                    using SafetensorsFile file = SafetensorsFile.Open(path);
                    Assert.Equal(specs.Length, file.Count);
                    Assert.Equal("pt", file.Metadata["format"]);
                    Assert.Equal(tensors.Sum(entry => entry.Value.Bytes), file.Bytes);
                    foreach ((string name, Tensor written) in tensors)
                    {
                        Assert.True(file.TryGet(name, out Tensor read));
                        Assert.Equal(written.Type == DType.PackedI4 ? DType.I32 : written.Type, read.Type);
                        Assert.Equal(written.Shape, read.Shape);
                        Assert.Equal(Bytes(written), Bytes(read));
                        Assert.Equal(0, read.Address % read.Type.Size());
                    }

                    owners.ForEach(owner => owner.Dispose());
                },
                iter: 200,
                threads: 1);

    [Fact]
    public void Rows_that_lie_apart_are_written_without_gaps()
    {
        using HostBuffer buffer = HostBuffer.For(DType.F32, new Shape(3, 4));
        Tensor whole = buffer.View(DType.F32, new Shape(3, 4));
        for (int i = 0; i < 12; i++)
        {
            whole.AsSpan<float>()[i] = i;
        }

        string path = _folder.At("strided.safetensors");
        SafetensorsWriter.Write(path, [new("columns", whole.Columns(1, 2)), new("none", whole.Columns(1, 0))]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.True(file.TryGet("columns", out Tensor read));
        Assert.Equal([1f, 2f, 5f, 6f, 9f, 10f], read.AsSpan<float>().ToArray());
        Assert.True(file.TryGet("none", out Tensor none));
        Assert.Equal(new Shape(3, 0), none.Shape);
    }

    [Fact]
    public void Data_begins_at_a_multiple_of_64_bytes_and_wider_elements_come_first()
    {
        using HostBuffer buffer = new(64);
        string path = _folder.At("aligned.safetensors");
        SafetensorsWriter.Write(path, [
            new("byte", buffer.View(DType.I8, new Shape(3))),
            new("double word", buffer.View(DType.I64, new Shape(1))),
        ]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["double word", "byte"], file.Names);
        Assert.True(file.TryGet("double word", out Tensor first));
        Assert.Equal(0, first.Address % 64);
        Assert.Equal("I8 [3]", file.Describe("byte"));
    }

    [Fact]
    public void A_tensor_beyond_4_GiB_is_found()
    {
        const long Large = (4L << 30) + 3;
        string header = $$$"""{"large":{"dtype":"I8","shape":[{{{Large}}}],"data_offsets":[0,{{{Large}}}]},"last":{"dtype":"I8","shape":[4],"data_offsets":[{{{Large}}},{{{Large + 4}}}]}}""";
        string path = _folder.Raw("large.safetensors", header, Large + 4);
        using (FileStream stream = File.OpenWrite(path))
        {
            stream.Seek(-4, SeekOrigin.End);
            stream.Write([1, 2, 3, 4]);
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(Large + 4, file.Bytes);
        Assert.True(file.TryGet("last", out Tensor last));
        Assert.Equal([1, 2, 3, 4], last.AsSpan<byte>().ToArray());
        Assert.True(file.TryGet("large", out Tensor large));
        Assert.Equal(0, large.Rows(Large - 1, 1).AsSpan<byte>()[0]);

        string copy = _folder.At("tail.safetensors");
        SafetensorsWriter.Write(copy, [new("tail", new Tensor(DType.I8, new Shape(7), large.Rows(Large - 3, 3).Address))]);
        using SafetensorsFile tail = SafetensorsFile.Open(copy);
        Assert.True(tail.TryGet("tail", out Tensor read));
        Assert.Equal([0, 0, 0, 1, 2, 3, 4], read.AsSpan<byte>().ToArray());
    }

    [Fact]
    public void A_tensor_longer_than_one_write_is_written_whole()
    {
        const long Long = (64L << 20) + 5;
        using var buffer = new HostBuffer(Long);
        Tensor tensor = buffer.View(DType.I8, new Shape(Long));
        new Random(1).NextBytes(tensor.AsSpan<byte>()[^4096..]);
        string path = _folder.At("long.safetensors");
        SafetensorsWriter.Write(path, [new("long", tensor)]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.True(file.TryGet("long", out Tensor read));
        Assert.True(read.AsSpan<byte>().SequenceEqual(tensor.AsSpan<byte>()));
    }

    [Fact]
    public void Names_outside_of_ascii_survive()
    {
        using HostBuffer buffer = new(8);
        string path = _folder.At("names.safetensors");
        SafetensorsWriter.Write(path, [new("gewicht/µ.\"1\"", buffer.View(DType.I64, new Shape(1)))]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["gewicht/µ.\"1\""], file.Names);
    }

    [Fact]
    public void Writing_replaces_a_file_and_leaves_nothing_beside_it()
    {
        using HostBuffer buffer = new(8);
        string path = _folder.At("replaced.safetensors");
        File.WriteAllText(path, "old");
        SafetensorsWriter.Write(path, [new("x", buffer.View(DType.I64, new Shape(1)))]);
        Assert.Equal([path], Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public void A_file_without_tensors_is_a_file()
    {
        string path = _folder.At("none.safetensors");
        SafetensorsWriter.Write(path, []);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(0, file.Count);
        Assert.Equal(0, file.Bytes);
        Assert.False(file.TryGet("x", out _));
    }

    private static byte[] Bytes(Tensor tensor) =>
        new Tensor(DType.I8, new Shape(tensor.Bytes), tensor.Address).AsSpan<byte>().ToArray();
}
