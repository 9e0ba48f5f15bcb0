using System.Text.Json.Nodes;

namespace Lean.Aot.Tests.Hostile;

/// <summary>Weight files that are damaged, or that lie.</summary>
public sealed class WeightFileTests
{
    private const string Deep = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

    private static readonly Dictionary<string, (Action<BrokenModel> Break, string Sentence)> Files = new()
    {
        ["empty"] = (m => m.Write(BrokenModel.Weights), "it has 0 bytes, expected at least 8"),
        ["seven bytes"] = (m => m.Write(BrokenModel.Weights, 1, 0, 0, 0, 0, 0, 0), "it has 7 bytes, expected at least 8"),
        ["header of 2^63 − 1 bytes"] = (m => m.HeaderLength(long.MaxValue), "a header of 9223372036854775807 bytes, expected at most 100000000"),
        ["header of 2^64 − 1 bytes"] = (m => m.HeaderLength(ulong.MaxValue), "a header of 18446744073709551615 bytes"),
        ["header beyond the file"] = (m => m.HeaderLength(99_999_999), "declares a header of 99999999 bytes but has \\d+ after the length"),
        ["header of no bytes"] = (m => m.HeaderLength(0), "header is not valid JSON near byte 0"),
        ["header cut short"] = (m => m.HeaderLength(100), "header is not valid JSON near byte \\d+"),
        ["header that is no JSON"] = (m => m.RawHeader("hello"), "header is not valid JSON"),
        ["header that is a list"] = (m => m.RawHeader("[]"), "its header is a list, expected an object"),
        ["header that is no UTF-8"] = (m => m.RawHeader([.. "{\""u8, 0xff, .. "\":1}"u8]), "not valid Unicode"),
        ["header with half a surrogate"] = (m => m.RawHeader("{\"\\ud800\":1}"), "not valid Unicode"),
        ["header nested deep"] = (m => m.RawHeader($"{{\"a\":{{\"x\":{Deep}"), "header is not valid JSON"),
        ["tensor declared twice"] = (m => m.RawHeader("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"""), "'a' is declared twice"),
        ["tensor that is a list"] = (First("[]"), "is a list, expected an object"),
        ["metadata of numbers"] = (m => m.EditHeader(h => h["__metadata__"] = new JsonObject { ["a"] = 1 }), "metadata 'a' is 1, expected a string"),
        ["metadata that is a list"] = (m => m.EditHeader(h => h["__metadata__"] = new JsonArray()), "__metadata__ is a list, expected an object of strings"),
        ["unknown dtype"] = (First("dtype", "\"F12\""), "the dtype 'F12', which the safetensors format does not have"),
        ["dtype that is a number"] = (First("dtype", "3"), "the dtype of '.+' is 3, expected a string"),
        ["dtype of integers"] = (First("dtype", "\"I16\""), "is I16 .+, expected the type F32, F16, BF16"),
        ["negative shape"] = (First("shape", "[-1,4]"), "shape of '.+' holds -1, expected whole numbers"),
        ["shape beyond 64 bits"] = (First("shape", "[18446744073709551616]"), "holds 18446744073709551616, expected whole numbers"),
        ["shape that overflows"] = (First("shape", "[4611686018427387904,4611686018427387904]"), "more elements than can be addressed"),
        ["shape that is no whole number"] = (First("shape", "[1.5]"), "holds 1.5, expected whole numbers"),
        ["shape of six dimensions"] = (First("shape", "[1,1,1,1,256,64]"), "expected at most 4 dimensions"),
        ["shape that does not fit its bytes"] = (First("shape", "[255,64]"), "takes 32640 bytes, but has 32768"),
        ["no shape"] = (m => m.EditHeader(h => h[m.Names[0]]!.AsObject().Remove("shape")), "has no shape"),
        ["offsets that are no whole numbers"] = (First("data_offsets", "[0.5,1]"), "holds 0.5, expected whole numbers"),
        ["offsets that are strings"] = (First("data_offsets", "[\"0\",\"1\"]"), "holds a string, expected whole numbers"),
        ["three offsets"] = (First("data_offsets", "[0,1,2]"), "has 3 numbers, expected 2"),
        ["offsets the wrong way round"] = (First("data_offsets", "[10,0]"), "begins at byte 10, after its end at byte 0"),
        ["offsets past the end"] = (m => m.EditHeader(h => Move(h[m.Names[^1]]!, 1L << 40)), "ends at byte \\d+ of \\d+ bytes of data; the file may be cut short"),
        ["tensors that overlap"] = (m => m.EditHeader(h => Move(h[m.Names[^1]]!, -2)), "'.+' and '.+' overlap: the first ends at byte \\d+, the second begins at byte"),
        ["a hole"] = (m => m.EditHeader(h => Move(h[m.Names[^1]]!, 2), 0, 0), "begins at byte \\d+, expected \\d+: no tensor owns the bytes between"),
        ["bytes that no tensor owns"] = (m => m.EditHeader(static _ => { }, 0, 0), "no tensor owns the rest"),
        ["cut short"] = (m => m.Cut(BrokenModel.Weights, 100), "ends at byte \\d+ of \\d+ bytes of data; the file may be cut short"),
        ["absent"] = (m => m.Remove(BrokenModel.Weights), "holds no weights, expected model.safetensors.index.json, model.safetensors or"),
        ["a folder"] = (m => m.MakeFolder(BrokenModel.Weights), "model.safetensors' is a folder, expected a file"),
        ["a link to nothing"] = (m => m.Link(BrokenModel.Weights, "/nowhere"), "model.safetensors' is a symbolic link that leads to no file"),
        ["a link to itself"] = (m => m.Link(BrokenModel.Weights, m.At(BrokenModel.Weights)), "model.safetensors' is a symbolic link that leads to no file"),
        ["a pipe"] = (m => m.MakePipe(BrokenModel.Weights), "model.safetensors' is a pipe or a device, expected a regular file"),
        ["a device"] = (m => m.Link(BrokenModel.Weights, "/dev/zero"), "model.safetensors' is a pipe or a device, expected a regular file"),
        ["a tensor of another name"] = (
            m => m.EditHeader(h => Rename(h, m.Names[^1], "evil\n   at \u001b[31m")),
            "the tensors do not fit a qwen3_5_text of this configuration: 1 missing, 1 unexpected, .+; missing: mtp.+; unexpected: evil·   at ·\\[31m \\("),
    };

    private static readonly Dictionary<string, (Action<BrokenModel> Break, string Sentence)> Indices = new()
    {
        ["tensor that the shard lacks"] = (m => m.MakeIndex(map => map["ghost"] = BrokenModel.Weights), "names 1 tensors that their files lack: 'ghost' \\(the first expected in 'model.safetensors'\\)"),
        ["absent file"] = (m => m.MakeIndex(map => map[m.Names[0]] = "b.safetensors"), "names 2 files of which 1 do not exist: 'b.safetensors'; download them again"),
        ["absent shards"] = (m => m.MakeIndex(map => Each(map, static i => $"model-{i:d5}.safetensors")), "names (\\d+) files of which \\1 do not exist: 'model-00000.safetensors', .+ and \\d+ more"),
        ["file outside the folder"] = (Mapped("../model.safetensors"), "to '../model.safetensors', expected the plain name of a file in the same folder"),
        ["absolute path"] = (Mapped("/etc/passwd"), "to '/etc/passwd', expected the plain name"),
        ["parent folder"] = (Mapped(".."), "to '..', expected the plain name"),
        ["name with a zero byte"] = (Mapped("a\0b"), "to 'a\\?b', expected the plain name"),
        ["no name"] = (Mapped(""), "to '', expected the plain name"),
        ["endless name"] = (Mapped(new string('a', 5000)), "do not exist: 'a{120}…'"),
        ["number"] = (m => m.MakeIndex(map => map[m.Names[0]] = 3), "to a Number, expected a file's name"),
        ["file that is no safetensors"] = (Mapped(BrokenModel.Config), "config.json' is not a usable safetensors file: it declares a header of"),
        ["tensor in two shards"] = (
            m =>
            {
                File.Copy(m.At(BrokenModel.Weights), m.At("c.safetensors"));
                m.MakeIndex(map => map[m.Names[0]] = "c.safetensors");
            },
            "the tensor '.+' is in both '.+' and '.+', expected one"),
        ["tensor mapped twice"] = (m => m.Write(BrokenModel.Index, """{"weight_map":{"a":"model.safetensors","a":"model.safetensors"}}"""), "maps the tensor 'a' twice"),
        ["list for a map"] = (m => m.Write(BrokenModel.Index, """{"weight_map":[]}"""), "has no object weight_map"),
        ["no map"] = (m => m.Write(BrokenModel.Index, "{}"), "has no object weight_map"),
        ["empty map"] = (m => m.Write(BrokenModel.Index, """{"weight_map":{}}"""), "its weight_map is empty"),
        ["no JSON"] = (m => m.Write(BrokenModel.Index, "hello"), "index.json' .+ not valid JSON near line 1"),
        ["empty"] = (m => m.Write(BrokenModel.Index, ""), "not valid JSON near line 1"),
        ["no UTF-8"] = (m => m.Write(BrokenModel.Index, [.. "{\"weight_map\":{\""u8, 0xff, .. "\":\"a\"}}"u8]), "not valid Unicode"),
        ["nested deep"] = (m => m.Write(BrokenModel.Index, $"{{\"weight_map\":{Deep}"), "not valid JSON near line 1"),
        ["a folder"] = (m => m.MakeFolder(BrokenModel.Index), "index.json' is a folder, expected a file"),
        ["a link to nothing"] = (m => m.Link(BrokenModel.Index, "/nowhere"), "index.json' is a symbolic link that leads to no file"),
        ["a pipe"] = (m => m.MakePipe(BrokenModel.Index), "index.json' is a pipe or a device"),
        ["shard that is a pipe"] = (
            m =>
            {
                m.MakePipe("c.safetensors");
                m.MakeIndex(map => map[m.Names[0]] = "c.safetensors");
            },
            "c.safetensors' is a pipe or a device"),
    };

    public static TheoryData<string> FileCases => [.. Files.Keys];

    public static TheoryData<string> IndexCases => [.. Indices.Keys];

    [Theory]
    [MemberData(nameof(FileCases))]
    public void A_damaged_weight_file_is_refused(string file) => Refuse(Files[file]);

    [Theory]
    [MemberData(nameof(IndexCases))]
    public void A_wrong_index_is_refused(string index) => Refuse(Indices[index]);

    [Fact]
    public void An_index_with_a_byte_order_mark_is_read()
    {
        using var model = new BrokenModel();
        model.MakeIndex(static _ => { });
        model.Write(BrokenModel.Index, "\uFEFF" + File.ReadAllText(model.At(BrokenModel.Index)));
        LeanRun.Of("generate", "--model", model.Folder, "--prompt-ids", "1", "--max-tokens", "1").Good();
    }

    private static void Refuse((Action<BrokenModel> Break, string Sentence) test)
    {
        using var model = new BrokenModel();
        test.Break(model);
        LeanRun.Of("generate", "--model", model.Folder, "--prompt-ids", "1,2,3", "--json").Refuses(2, test.Sentence);
        LeanRun.Of("inspect", model.Folder).Refuses(2, test.Sentence);
    }

    private static Action<BrokenModel> First(string json) => m => m.EditHeader(h => h[m.Names[0]] = JsonNode.Parse(json));

    private static Action<BrokenModel> First(string field, string json) => m => m.EditHeader(h => h[m.Names[0]]![field] = JsonNode.Parse(json));

    private static Action<BrokenModel> Mapped(string file) => m => m.MakeIndex(map => map[m.Names[0]] = file);

    private static void Each(JsonObject map, Func<int, string> file)
    {
        string[] names = [.. map.Select(static e => e.Key)];
        for (int i = 0; i < names.Length; i++)
        {
            map[names[i]] = file(i);
        }
    }

    private static void Move(JsonNode entry, long bytes) =>
        entry["data_offsets"] = new JsonArray(BrokenModel.Offset(entry, 0) + bytes, BrokenModel.Offset(entry, 1) + bytes);

    private static void Rename(JsonObject header, string name, string other)
    {
        JsonNode entry = header[name]!;
        header.Remove(name);
        header[other] = entry;
    }
}
