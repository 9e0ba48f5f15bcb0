using CsCheck;

namespace Lean.Tensors.Tests;

public sealed class SafetensorsDamageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_damaged_file_opens_or_is_refused_and_nothing_else()
    {
        byte[] valid = ValidFile();
        string path = _folder.At("damaged.safetensors");
        Gen.Select(Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte).Array[0, 4], Gen.Int[0, valid.Length], Gen.Bool)
            .Sample(
                (flips, length, cut) =>
                {
                    byte[] damaged = [.. valid];
                    foreach ((int at, byte value) in flips)
                    {
                        damaged[at] = value;
                    }

                    File.WriteAllBytes(path, cut ? damaged[..length] : damaged);
                    OpenAndReadAll(path);
                },
                iter: 4000,
                threads: 1);
    }

    /// <summary>Reads every byte that an opened file hands out: a view beyond the mapping would end the test process.</summary>
    private static void OpenAndReadAll(string path)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (string name in file.Names)
            {
                Assert.NotEmpty(file.Describe(name));
                try
                {
                    Assert.True(file.TryGet(name, out Tensor tensor));
                    _ = new Tensor(DType.I8, new Shape(tensor.Bytes), tensor.Address).AsSpan<byte>().ToArray();
                }
                catch (InputException fault)
                {
                    Assert.DoesNotContain('\n', fault.Message);
                }
            }
        }
        catch (InputException fault)
        {
            Assert.DoesNotContain('\n', fault.Message);
        }
    }

    private byte[] ValidFile()
    {
        using HostBuffer buffer = new(256);
        string path = _folder.At("valid.safetensors");
        SafetensorsWriter.Write(
            path,
            [
                new("model.norm.weight", buffer.View(DType.BF16, new Shape(12))),
                new("model.embed", buffer.View(DType.F32, new Shape(3, 5))),
                new("scalar", buffer.View(DType.I64, Shape.Of([]))),
                new("empty", buffer.View(DType.F8E4M3, new Shape(0, 3))),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        return File.ReadAllBytes(path);
    }
}
