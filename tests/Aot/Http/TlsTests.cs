using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lean.Aot.Tests.Http;

/// <summary>TLS and other origins' pages.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task It_speaks_tls_with_a_certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        string chain = _folder.Write("chain.pem", certificate.ExportCertificatePem()), secret = _folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        using var server = ServedBinary.Start("--tls-certificate", chain, "--tls-key", secret);
        Assert.Equal("https", server.Address.Scheme);
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown!.RawData.AsSpan().SequenceEqual(certificate.RawData),
        };
        using var client = new HttpClient(handler);
        using HttpResponseMessage response = await client.GetAsync(new Uri(server.Address, "health"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Pages_of_other_origins_ask_only_where_they_may()
    {
        using var closed = ServedBinary.Start();
        Assert.Null(await Allowed(closed, "https://chat.example"));
        using var open = ServedBinary.Start("--cors-origin", "https://chat.example", "--api-key", "secret");
        Assert.Equal("https://chat.example", await Allowed(open, "https://chat.example"));
        Assert.Null(await Allowed(open, "https://evil.example"));
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<string?> Allowed(ServedBinary server, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, new Uri("v1/chat/completions", UriKind.Relative));
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "content-type,authorization");
        using HttpResponseMessage response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.Headers.TryGetValues("Access-Control-Allow-Origin", out IEnumerable<string>? values) ? values.Single() : null;
    }
}
