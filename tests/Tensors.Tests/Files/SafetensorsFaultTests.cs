using System.Text;

namespace Lean.Tensors.Tests;

public sealed class SafetensorsFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", 0, "not valid JSON")]
    [InlineData("{", 0, "not valid JSON near byte 1")]
    [InlineData("{}x", 0, "not valid JSON")]
    [InlineData("[]", 0, "its header is a list, expected an object")]
    [InlineData("\0\0\0\0", 0, "not valid JSON near byte 0")]
    [InlineData("""{"w":3}""", 0, "the tensor 'w' is 3, expected an object")]
    [InlineData("""{"w":{}}""", 0, "the tensor 'w' has no dtype")]
    [InlineData("""{"w":{"dtype":"F32"}}""", 0, "'w' has no shape")]
    [InlineData("""{"w":{"dtype":"F32","shape":[0]}}""", 0, "'w' has no data_offsets")]
    [InlineData("""{"w":{"dtype":5,"shape":[0],"data_offsets":[0,0]}}""", 0, "the dtype of 'w' is 5, expected a string")]
    [InlineData("""{"w":{"dtype":"F32","shape":"4","data_offsets":[0,0]}}""", 0, "the shape of 'w' is a string, expected a list")]
    [InlineData("""{"w":{"dtype":"F32","shape":[-3],"data_offsets":[0,0]}}""", 0, "the shape of 'w' holds -3, expected whole numbers")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,0]}}""", 0, "the shape of 'w' holds 1.5")]
    [InlineData("""{"w":{"dtype":"F32","shape":[null],"data_offsets":[0,0]}}""", 0, "the shape of 'w' holds null")]
    [InlineData("""{"w":{"dtype":"F32","shape":[[1]],"data_offsets":[0,0]}}""", 0, "the shape of 'w' holds a list")]
    [InlineData("""{"w":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,0]}}""", 0, "holds 9223372036854775808")]
    [InlineData("""{"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "found F32 [4294967296, 4294967296]")]
    [InlineData("""{"w":{"dtype":"I8","shape":[0,4611686018427387904,16],"data_offsets":[0,0]}}""", 0, "more elements than can be addressed")]
    [InlineData("""{"w":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}""", 4, "the tensor 'w' has the dtype 'F31', which")]
    [InlineData("""{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "the tensor 'w' takes 12 bits, expected whole bytes, found F4 [3]")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "data_offsets of 'w' has 1 numbers, expected 2")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "data_offsets of 'w' has 3 numbers, expected 2")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}""", 4, "data_offsets of 'w' holds -4")]
    [InlineData("""{"w":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}""", 8, "'w' begins at byte 8, after its end at byte 4")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "'w' is F32 [2], which takes 8 bytes, but has 4")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "the tensor 'w' ends at byte 8 of 7 bytes of data")]
    [InlineData("""{"w":{"dtype":"I8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]}}""", 8, "ends at byte 9223372036854775807 of 8")]
    [InlineData("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "its tensors end at byte 8, but 9 bytes of data")]
    [InlineData("{}", 1, "its tensors end at byte 0, but 1 bytes of data")]
    [InlineData("""{"w":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}""", 3, "'w' begins at byte 1, expected 0")]
    [InlineData("""{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}""", 3, "'a' and 'b' overlap: the first ends at byte 2, the second begins at byte 1")]
    [InlineData("""{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[0],"data_offsets":[1,1]}}""", 2, "'a' and 'b' overlap")]
    [InlineData("""{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[3,5]}}""", 5, "'b' begins at byte 3, expected 2")]
    [InlineData("""{"w":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}}""", 0, "the tensor 'w' is declared twice")]
    [InlineData("""{"w":{"dtype":"I8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}""", 0, "the tensor 'w' gives its dtype twice")]
    [InlineData("""{"__metadata__":3}""", 0, "__metadata__ is 3, expected an object")]
    [InlineData("""{"__metadata__":{"k":1}}""", 0, "the metadata 'k' is 1, expected a string")]
    [InlineData("""{"__metadata__":{"k":"a","k":"b"}}""", 0, "the metadata 'k' is given twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "holds __metadata__ twice")]
    [InlineData("""{"\ud800":{}}""", 0, "not valid Unicode")]
    [InlineData("""{"a\nb":{}}""", 0, "the tensor 'a?b' has no dtype")]
    public void A_header_that_breaks_the_format_is_refused_in_one_sentence(string header, long dataBytes, string expected)
    {
        string path = _folder.Raw("bad.safetensors", header, dataBytes);
        AssertRefused(path, expected);
    }

    [Fact]
    public void Bytes_that_are_no_utf8_are_refused()
    {
        string path = _folder.Raw("bad.safetensors", [(byte)'{', (byte)'"', 0xff, 0xfe, (byte)'"', (byte)':', (byte)'{', (byte)'}', (byte)'}']);
        AssertRefused(path, "not valid Unicode");
    }

    [Fact]
    public void Json_of_great_depth_is_refused()
    {
        string deep = """{"w":{"extra":""" + new string('[', 100_000) + new string(']', 100_000) + "}}";
        AssertRefused(_folder.Raw("deep.safetensors", deep), "not valid JSON");
    }

    [Fact]
    public void A_long_name_is_shortened_in_messages()
    {
        string path = _folder.Raw("long.safetensors", $$$"""{"{{{new string('n', 5000)}}}":{}}""");
        var fault = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        Assert.Contains("nnn…'", fault.Message, StringComparison.Ordinal);
        Assert.True(fault.Message.Length < 500);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_without_room_for_the_length_is_refused(int bytes)
    {
        string path = _folder.At("short.safetensors");
        File.WriteAllBytes(path, new byte[bytes]);
        AssertRefused(path, $"it has {bytes} bytes, expected at least 8");
    }

    [Theory]
    [InlineData(3UL, "declares a header of 3 bytes but has 2")]
    [InlineData(100_000_001UL, "declares a header of 100000001 bytes, expected at most 100000000")]
    [InlineData(ulong.MaxValue, "declares a header of 18446744073709551615 bytes")]
    public void A_header_longer_than_the_file_or_the_format_allows_is_refused(ulong length, string expected)
    {
        string path = _folder.At("length.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        AssertRefused(path, expected);
    }

    [Fact]
    public void A_pointer_of_git_lfs_is_recognised()
    {
        string path = _folder.At("pointer.safetensors");
        File.WriteAllBytes(path, Encoding.ASCII.GetBytes("version https://git-lfs.github.com/spec/v1\n"));
        AssertRefused(path, "git lfs pull");
    }

    [Fact]
    public void A_missing_file_or_a_folder_is_refused()
    {
        AssertRefused(_folder.At("absent.safetensors"), "does not exist");
        AssertRefused(_folder.Path, "is a folder, expected a file");
        AssertRefused(_folder.Raw("file", "{}") + "/below", "does not exist");
        AssertRefused("a\0b", "does not name a regular file");
    }

    [Fact]
    public void A_tensor_of_a_type_the_engine_lacks_is_named_only_when_asked_for()
    {
        string path = _folder.Raw(
            "types.safetensors",
            """{"mask":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"w":{"dtype":"I8","shape":[2],"data_offsets":[3,5]},"f4":{"dtype":"F4","shape":[2],"data_offsets":[5,6]}}""",
            6);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.True(file.TryGet("w", out _));
        Assert.True(file.Contains("mask"));
        var fault = Assert.Throws<InputException>(() => file.TryGet("mask", out _));
        Assert.Contains("'mask'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("BOOL [3], expected the type F32", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_of_five_dimensions_is_named_only_when_asked_for()
    {
        string path = _folder.Raw("five.safetensors", """{"conv":{"dtype":"I8","shape":[1,1,2,1,1],"data_offsets":[0,2]}}""", 2);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal("I8 [1, 1, 2, 1, 1]", file.Describe("conv"));
        var fault = Assert.Throws<InputException>(() => file.TryGet("conv", out _));
        Assert.Contains("'conv'", fault.Message, StringComparison.Ordinal);
        Assert.Contains("I8 [1, 1, 2, 1, 1], expected at most 4 dimensions", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fields_of_later_formats_and_empty_tensors_between_others_are_accepted()
    {
        string path = _folder.Raw(
            "fine.safetensors",
            """{"b":{"dtype":"I8","shape":[2],"data_offsets":[2,4],"new":{"x":[1]}},"none":{"dtype":"F32","shape":[0,7],"data_offsets":[2,2]},"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}  """,
            4);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["b", "none", "a"], file.Names);
        Assert.True(file.TryGet("none", out Tensor none));
        Assert.Equal(new Shape(0, 7), none.Shape);
    }

    [Fact]
    public void A_closed_file_hands_out_nothing()
    {
        SafetensorsFile file = SafetensorsFile.Open(_folder.Raw("x.safetensors", "{}"));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.TryGet("x", out _));
    }

    private static void AssertRefused(string path, string expected)
    {
        var fault = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
        Assert.Contains(Path.GetFileName(path).Replace('\0', '?'), fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }
}
